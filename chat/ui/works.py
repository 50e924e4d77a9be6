"""The result of a task as Markdown: sections of lines, each mark opens its source at the quote."""

from collections.abc import Mapping
from typing import Any

from chat.markdown import escape
from chat.places import place_of
from chat.ui.answers import mark_of
from rag.answering.answer import Citation
from rag.tasks.work import Line, Section, Standing, Task, Work


def show_work(work: Work, words: dict[str, Any]) -> str:
    """The page's form of a result, or why there is none."""
    if work.trouble:
        return _trouble(work, words)
    cited = {citation.n: citation for citation in work.citations}
    if work.task is Task.COMPARE:
        return _table(work, cited, words)
    told = words["extract"] if work.is_extract else _total(work, words)
    told = words["ungrounded"] if work.task is Task.WITHOUT_DOCUMENTS else told
    return "\n\n".join(filter(None, (told, *(_section(section, cited, words) for section in work.sections))))


def _trouble(work: Work, words: dict[str, Any]) -> str:
    """Why there is nothing, with the documents to pick from."""
    named = [f"{n}. {escape(info.title)} ({escape(info.path)})" for n, info in enumerate(work.candidates, 1)]
    return "\n\n".join(filter(None, (words["troubles"][work.trouble], "\n".join(named))))


def _table(work: Work, cited: Mapping[int, Citation], words: dict[str, Any]) -> str:
    """A row an aspect, a column a document."""
    rows = [["", *(escape(info.title) for info in work.documents)], ["---"] * (len(work.documents) + 1)]
    for section in work.sections:
        note = f" ({words['notes'][section.note]})" if section.note else ""
        said = [_line(line, cited, words) if line else words["unsaid"] for line in section.lines]
        rows.append([f"**{escape(section.heading)}**{note}", *said])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _total(work: Work, words: dict[str, Any]) -> str:
    said = words["tasks"][work.task].get("total", "").format(count=work.total)
    return said + (words["unshown"].format(count=work.more) if work.more else "")


def _section(section: Section, cited: Mapping[int, Citation], words: dict[str, Any]) -> str:
    lines = [_line(line, cited, words) for line in section.told]
    if not section.heading:
        return "\n\n".join(lines)
    lines += [words["more"].format(count=section.more)] if section.more else []
    return f"**{escape(section.heading)}**\n\n" + "\n".join(f"- {line}" for line in lines)


def _line(line: Line, cited: Mapping[int, Citation], words: dict[str, Any]) -> str:
    text = f"« {escape(line.text)} »" if line.standing is Standing.QUOTED else escape(line.text)
    marks = [_mark(cited[number], words) for number in line.citations]
    said = [text, *([words["unsupported"]] if line.standing is Standing.UNCHECKED else []), *marks]
    said += [words["formula"]] if line.standing is Standing.FORMULA else []
    if line.standing is Standing.TRANSLATED or (line.standing is Standing.UNCHECKED and line.citations):
        said += [f"— « {escape(cited[number].quote)} »" for number in line.citations]
    return " ".join(said)


def _mark(citation: Citation, words: dict[str, Any]) -> str:
    place = place_of(citation.passage, words)
    return f"{mark_of(citation)} ({escape(place)})" if place else mark_of(citation)
