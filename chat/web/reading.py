"""Passages as one text to read: paragraphs, headings and rows, with what is cited and what is quoted told apart."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from rag.documents import Passage
from rag.parsing.filetypes import MediaType


@dataclass(frozen=True, slots=True)
class Run:
    """Letters that are looked at alike: around the cited passage, of it, or quoted from it."""

    text: str
    is_cited: bool = False
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A block of the document, or the part of it that is shown.

    `is_place`: it names a page, slide or sheet that begins. `is_row`: it is of a format of rows alone.
    """

    runs: tuple[Run, ...]
    is_heading: bool = False
    is_place: bool = False
    is_row: bool = False

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(run.text for run in self.runs)

    @property
    def is_cited(self) -> bool:
        """Whether some of it is of the cited passage."""
        return any(run.is_cited for run in self.runs)

    def part(self, start: int, end: int) -> tuple[Run, ...]:
        """The runs between two places of the text."""
        found, place = [], 0
        for run in self.runs:
            text = run.text[max(start - place, 0) : max(end - place, 0)]
            found += [replace(run, text=text)] if text else []
            place += len(run.text)
        return tuple(found)


def lines_of(passages: Sequence[Passage], cited: Passage, quote: range, place: Callable[[Passage], str]) -> list[Line]:
    """The lines of passages that follow each other; `quote` is a place in the text of the cited one.

    `place` says on which page, slide or sheet a passage stands: told where that changes, unless all stand on the same.
    """
    is_told = len({place(item) for item in passages}) > 1
    lines: list[Line] = []
    last: Passage | None = None
    for item in passages:
        found = list(_lines(item, quote if item.id == cited.id else None))
        if last and last.chunk.end == item.chunk.start:  # a block that was cut goes on
            lines[-1] = replace(lines[-1], runs=lines[-1].runs + found.pop(0).runs)
        elif is_told and (last is None or place(last) != place(item)):
            lines.append(Line((Run(place(item)),), is_place=True))
            found = found[found[0].text == place(item) :]
        lines += found
        last = item
    return lines


def _lines(item: Passage, quote: range | None) -> Iterator[Line]:
    """The lines of a passage; those above its text that are headings of it. `quote` is given of the cited one."""
    text, is_cited = item.chunk.text, quote is not None
    inside = quote or range(len(text), len(text))
    parts = ((text[: inside.start], False), (text[inside.start : inside.stop], True), (text[inside.stop :], False))
    whole = Line(tuple(Run(words, is_cited, is_quoted) for words, is_quoted in parts if words))
    is_row = item.chunk.cells is not None or item.document.media_type == MediaType.CSV
    is_heading, start = True, 0
    for words in text.split("\n"):
        is_heading = is_heading and words in item.chunk.headings
        yield Line(whole.part(start, start + len(words)), is_heading=is_heading, is_row=is_row and not is_heading)
        start += len(words) + 1
