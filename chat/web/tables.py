"""Rows that were read as `Header: value; …` shown as the table they come from, where they tell it without doubt."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from chat.web.reading import Line, Run

_CELLS, _NAME = "; ", ": "
COLUMNS_MIN, ROWS_MIN = 2, 2
"""Fewer may be prose with a colon in it; a format of rows alone may have one row."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row's cells, one a column; an empty one has no runs."""

    cells: tuple[tuple[Run, ...], ...]
    is_cited: bool


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below the header that they share."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def is_cited(self) -> bool:
        """Whether one of the rows is cited: a table and a line are asked alike."""
        return any(row.is_cited for row in self.rows)


@dataclass(frozen=True, slots=True)
class _Cells:
    """A line as names and places of its cells."""

    line: Line
    names: tuple[str, ...]
    places: tuple[tuple[int, int], ...]

    def row(self, header: Sequence[str]) -> Row:
        """The cells below a header that has all the names."""
        runs = [self.line.part(*place) for place in self.places]
        if not any(run.is_quoted for cell in runs for run in cell) and any(run.is_quoted for run in self.line.runs):
            runs = [tuple(replace(run, is_quoted=True) for run in cell) for cell in runs]  # its names alone are quoted
        by_name = dict(zip(self.names, runs, strict=True))
        return Row(tuple(by_name.get(name, ()) for name in header), self.line.is_cited)


def tabled(lines: Sequence[Line]) -> Iterator[Line | Table]:
    """The lines, with a table in the place of rows that follow each other and share a header."""
    held: list[_Cells] = []
    header: tuple[str, ...] = ()
    for line in lines:
        cells = _cells(line)
        shared = _shared(header, cells.names) if cells else None
        if shared is None:
            yield from _told(header, held)
            held, shared = [], cells.names if cells else ()
        header = shared
        if cells:
            held.append(cells)
        else:
            yield line
    yield from _told(header, held)


def _told(header: tuple[str, ...], held: Sequence[_Cells]) -> Iterator[Line | Table]:
    """A table of rows, or the lines themselves where these are too few to be one."""
    is_table = len(held) >= ROWS_MIN or any(cells.line.is_row for cells in held)
    if is_table and len(header) >= COLUMNS_MIN:
        yield Table(header, tuple(cells.row(header) for cells in held))
    else:
        yield from (cells.line for cells in held)


def _cells(line: Line) -> _Cells | None:
    """The cells of a row; None for what is none, or has a cell without a name or two of one name."""
    if line.is_heading or line.is_place:
        return None
    names, places, start = [], [], 0
    for part in line.text.split(_CELLS):
        name, colon, value = part.partition(_NAME)
        if not (name and colon and value):
            return None
        names.append(name)
        places.append((start + len(name + colon), start + len(part)))
        start += len(part + _CELLS)
    return _Cells(line, tuple(names), tuple(places)) if len(set(names)) == len(names) else None


def _shared(header: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...] | None:
    """The longer of two headers, where it has the names of the other in their order; None where it has not."""
    longer, shorter = (header, names) if len(header) >= len(names) else (names, header)
    return longer if tuple(name for name in longer if name in shorter) == shorter else None
