"""A table's row can be understood alone."""

from hypothesis import given
from hypothesis import strategies as st

from rag.documents import BlockKind
from rag.parsing.tables import table_rows


def texts(*rows: list[str]) -> list[str]:
    return [block.text for block in table_rows(rows)]


def test_each_cell_stands_behind_its_header() -> None:
    assert texts(["Name", "Price"], ["bolt", "12"], ["nut", ""]) == ["Name: bolt; Price: 12", "Name: nut"]


def test_a_header_of_two_rows_is_joined_by_column_under_what_spans() -> None:
    rows = ["", "Years ended 31 December", ""], ["", "2019", "2018"], ["Revenue", "68", "67"]
    assert texts(*rows) == ["Revenue; Years ended 31 December 2019: 68; Years ended 31 December 2018: 67"]


def test_a_caption_above_the_table_is_not_its_header() -> None:
    assert texts(["Report"], ["Item", "Cost"], ["pen", "1"]) == ["Report", "Item: pen; Cost: 1"]


def test_cells_beyond_the_header_and_lone_rows_are_kept() -> None:
    assert texts(["a"], ["b", "c"]) == ["a", "b; c"]
    assert texts(["only", "row"]) == ["only; row"]
    assert texts(["h1", "h2"], ["x", "y", "z"]) == ["h1: x; h2: y; z"]


def test_what_a_header_says_above_an_empty_column_is_kept() -> None:
    assert texts(["Item", "Cost", "Note"], ["pen", "1", ""]) == ["Note", "Item: pen; Cost: 1"]
    assert texts(["left", "right"], ["below", ""]) == ["right", "left: below"]
    assert texts(["", "2019", "2019"], ["a", "1", ""]) == ["a; 2019: 1"]


def test_an_empty_table_gives_nothing() -> None:
    assert texts() == texts([]) == texts(["", " "]) == []


@given(st.lists(st.lists(st.text("ab\n ", max_size=4), max_size=4), max_size=6))
def test_every_cell_is_in_some_row(rows: list[list[str]]) -> None:
    whole = "\n".join(texts(*rows))
    assert all(" ".join(cell.split()) in whole for row in rows for cell in row)


@given(st.lists(st.lists(st.text("ab\n ", max_size=4), max_size=4), max_size=6))
def test_the_last_row_is_never_lost_and_every_row_is_one_line(rows: list[list[str]]) -> None:
    blocks = table_rows(rows)
    last = next((row for row in reversed(rows) if any(cell.strip() for cell in row)), [])
    assert all(" ".join(cell.split()) in blocks[-1].text for cell in last)
    assert all(block.kind is BlockKind.TABLE_ROW and block.text and "\n" not in block.text for block in blocks)
