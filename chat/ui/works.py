"""The result of a task as Markdown: sections of lines, each mark opens its source at the quote."""

from typing import Any

from chat.markdown import escape
from chat.narrowing import filter_told
from chat.places import place_of
from chat.ui.answers import DOUBTS_TOLD_MAX, doubts, mark_of
from rag.answering.answer import Citation
from rag.tasks.work import Line, Section, Standing, Task, Work


def show_work(work: Work, words: dict[str, Any]) -> str:
    """The page's form of a result, or why there is none; and what was looked at, where that is not everything."""
    return "\n\n".join(filter(None, (*_Shown(work, words).parts(), _narrowed(work, words))))


def _narrowed(work: Work, words: dict[str, Any]) -> str:
    return f"_{words['narrowed'].format(filter=escape(filter_told(work.within, words)))}_" if work.within else ""


class _Shown:
    """One result in the words of one language."""

    def __init__(self, work: Work, words: dict[str, Any]) -> None:
        self._work, self._words = work, words
        self._cited = {citation.n: citation for citation in work.citations}

    def parts(self) -> tuple[str, ...]:
        """What is told of all, then the sections."""
        if self._work.trouble:
            return self._trouble()
        if self._work.task is Task.COMPARE:
            return (self._table(),)
        ends = [f"_{self._words['ungrounded_end']}_"] if self._work.task is Task.WITHOUT_DOCUMENTS else []
        return (self._told(), *map(self._section, self._work.sections), *ends)

    def _trouble(self) -> tuple[str, ...]:
        """Why there is nothing, with the documents to pick from."""
        candidates = enumerate(self._work.candidates, 1)
        named = [f"{n}. {escape(info.title)} ({escape(info.path)})" for n, info in candidates]
        return self._words["troubles"][self._work.trouble], "\n".join(named)

    def _table(self) -> str:
        """A row an aspect, a column a document. A phone shows rows as blocks, and in each cell its document's title."""
        titles = [escape(info.title) for info in self._work.documents]
        rows = [[self._words["aspect"], *titles], ["---"] * (len(titles) + 1)]
        for section in self._work.sections:
            note = f" ({self._words['notes'][section.note]})" if section.note else ""
            said = [self._line(line) if line else self._words["unsaid"] for line in section.lines]
            cells = (f"_{title}_ {text}" for title, text in zip(titles, said, strict=True))
            rows.append([f"**{escape(section.heading)}**{note}", *cells])
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)

    def _told(self) -> str:
        work, words = self._work, self._words
        if work.task is Task.WITHOUT_DOCUMENTS:
            return str(words["ungrounded"])
        if work.is_extract:
            return str(words["extract"])
        said: str = words["tasks"][work.task].get("total", "").format(count=work.total)
        return said + (words["unshown"].format(count=work.more) if work.more else "")

    def _section(self, section: Section) -> str:
        lines = [self._line(line) for line in section.told]
        if not section.heading:
            return "\n\n".join(lines)
        lines += [self._words["more"].format(count=section.more)] if section.more else []
        return f"**{escape(section.heading)}**\n\n" + "\n".join(f"- {line}" for line in lines)

    def _line(self, line: Line) -> str:
        text = self._quoted(line.text) if line.standing is Standing.QUOTED else escape(line.text)
        marks = [self._mark(self._cited[number]) for number in line.citations]
        said = [text, *([self._doubted(line)] if line.standing is Standing.UNCHECKED else []), *marks]
        said += [self._words["formula"]] if line.standing is Standing.FORMULA else []
        if self._work.task is Task.TRANSLATE:
            said += [f"— {self._quoted(self._cited[number].quote)}" for number in line.citations]
        return " ".join(said)

    def _quoted(self, text: str) -> str:
        return str(self._words["quote"].format(text=escape(text)))

    def _doubted(self, line: Line) -> str:
        """Why a line is not supported, in brackets; of a translation, what it does not share with its original."""
        if self._work.task is not Task.TRANSLATE:
            return doubts(line.why, self._words)
        found = [(why, "added") for why in line.why] + [(why, "lost") for why in line.lost]
        told = [self._words[kind][why.doubt].format(text=escape(why.text)) for why, kind in found[:DOUBTS_TOLD_MAX]]
        return f"({self._words['unlike']}{self._words['because'] if told else ''}{', '.join(told)})"

    def _mark(self, citation: Citation) -> str:
        place = place_of(citation.passage, self._words)
        return f"{mark_of(citation)} ({escape(place)})" if place else mark_of(citation)
