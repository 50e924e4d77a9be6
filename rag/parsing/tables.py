"""Rows of a table to blocks that can be understood alone: each cell after its header."""

import re
from collections.abc import Sequence

from rag.documents import Block, BlockKind, Cells

COLUMNS_MAX = 1000
ROWS_MAX = 200_000
_HEADER_ROWS_MAX = 3
Row = Sequence[str]


def table_rows(rows: Sequence[Row], page: int | None = None, ranges: Sequence[Cells] = ()) -> tuple[Block, ...]:
    """`Header: value; …` for each row below the header. Rows of one cell above the header stand as they are.

    A cell that spans columns is followed by empty ones. A header of several rows (a year under a period) is joined
    by column; of a header those cells that have nothing below them stand in a row of their own. Empty rows give
    nothing. `ranges`, one a row, say where in a sheet the rows stand.
    """
    places = ranges or (None,) * len(rows)
    tidy = ([_tidy(cell) for cell in row] for row in rows)
    kept = [(row, cells) for row, cells in zip(tidy, places, strict=True) if any(row)]
    filled = [row for row, _ in kept]
    captions = _captions(filled)
    body = filled[captions:]
    depth = _header_depth(body)
    header = _header(body[:depth])
    is_header_alone = len(body) <= depth
    first = captions if is_header_alone else captions + depth
    lines = [(_plain(row), cells) for row, cells in kept[:captions]]
    if not is_header_alone:
        lines += [(_plain(_unused(header, body[depth:])), kept[captions][1])]
    lines += [(_plain(row) if is_header_alone else _line(header, row), cells) for row, cells in kept[first:]]
    return tuple(Block(BlockKind.TABLE_ROW, text, page, cells=cells) for text, cells in lines if text)


def _plain(row: Row) -> str:
    return "; ".join(cell for cell in row if cell)


def _tidy(cell: str) -> str:
    return re.sub(r"\s+", " ", cell).strip()


def _captions(rows: Sequence[Row]) -> int:
    """How many rows of one cell stand above a table of several columns."""
    if max((len(row) for row in rows), default=0) < 2:  # noqa: PLR2004
        return 0
    first = next((place for place, row in enumerate(rows) if sum(map(bool, row)) > 1), 0)
    return first if first < _HEADER_ROWS_MAX and rows[0][0] else 0


def _header_depth(rows: Sequence[Row]) -> int:
    """One row, and those below it that begin empty while a cell above spans."""
    depth = 1
    while depth < min(len(rows) - 1, _HEADER_ROWS_MAX) and not rows[depth][0] and not all(rows[0][1:]):
        depth += 1
    return depth


def _header(rows: Sequence[Row]) -> list[str]:
    width = max((len(row) for row in rows), default=0)
    spread = [_spread(row, width) if row is not rows[-1] else [*row, *[""] * (width - len(row))] for row in rows]
    return [" ".join(dict.fromkeys(part for part in column if part)) for column in zip(*spread, strict=True)]


def _spread(row: Row, width: int) -> list[str]:
    """A spanning cell's words over the empty cells that follow it."""
    found, last = [], ""
    for cell in [*row, *[""] * (width - len(row))]:
        last = cell or last
        found.append(last)
    return found


def _unused(header: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """The names of columns in which no row has anything, but for those that others have too."""
    filled = {column for row in rows for column, cell in enumerate(row) if cell}
    used = {name for column, name in enumerate(header) if column in filled}
    return [name for column, name in enumerate(header) if column not in filled and name not in used]


def _line(header: Sequence[str], row: Row) -> str:
    names = [*header, *[""] * (len(row) - len(header))]
    return "; ".join(f"{name}: {cell}" if name else cell for name, cell in zip(names, row, strict=False) if cell)
