"""A sheet falls into the tables that its reader sees, and every row says where it stands."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag.documents import BlockKind, Cells
from rag.errors import DocumentRejected
from rag.parsing import sheets
from rag.parsing.sheets import SheetRow, sheet_blocks, title_of


def blocks(*rows: list[str]) -> list[tuple[str, Cells | None]]:
    """What a sheet of these rows gives below its name; an empty list is an empty row."""
    filled = [SheetRow(number, tuple(row)) for number, row in enumerate(rows, 1) if any(row)]
    return [(block.text, block.cells) for block in list(sheet_blocks("Prices", filled, 3))[1:]]


def texts(*rows: list[str]) -> list[str]:
    return [text for text, _ in blocks(*rows)]


def test_the_name_of_the_sheet_stands_above_its_rows_and_all_are_on_its_page() -> None:
    found = list(sheet_blocks("Prices", [SheetRow(1, ("Item", "Price")), SheetRow(2, ("bolt", "12"))], 3))
    assert [(block.kind, block.text, block.page) for block in found] == [
        (BlockKind.HEADING, "Prices", 3),
        (BlockKind.TABLE_ROW, "Item: bolt; Price: 12", 3),
    ]
    assert found[0].level == 2


def test_an_empty_sheet_gives_nothing_not_even_its_name() -> None:
    assert list(sheet_blocks("Prices", [], 1)) == []


def test_a_row_stands_from_the_first_column_of_its_table_to_its_own_last() -> None:
    assert blocks([], ["", "Item", "Price", "Note"], ["", "bolt", "12"], ["", "", "3", "", "x"]) == [
        ("Note", (2, 2, 2, 4)),
        ("Item: bolt; Price: 12", (3, 2, 3, 3)),
        ("Price: 3; x", (4, 2, 4, 5)),
    ]


def test_each_table_has_its_own_header_where_empty_rows_part_them() -> None:
    assert texts(["Item", "Price"], ["bolt", "12"], [], [], ["Town", "Staff"], ["Lyon", "5"]) == [
        "Item: bolt; Price: 12",
        "Town: Lyon; Staff: 5",
    ]


@pytest.mark.parametrize("value", ["3", "3.5", "1 234,50 €", "-7", "(12)", "12 %", "£5.20", "-$3", "12 CHF"])
def test_a_table_goes_on_after_an_empty_row_where_numbers_stand_in_the_same_columns(value: str) -> None:
    assert texts(["Item", "Price"], ["bolt", "12"], [], ["nut", value]) == [
        "Item: bolt; Price: 12",
        f"Item: nut; Price: {value}",
    ]


@pytest.mark.parametrize(
    "row",
    [["nut", "dear"], ["5", "nut"], ["nut", "3", "4"], ["note"], ["nut", "3rd"]],
    ids=["words", "moved", "more", "alone", "third"],
)
def test_a_row_of_another_shape_does_not_go_on_with_the_table(row: list[str]) -> None:
    assert texts(["Item", "Price"], ["bolt", "12"], [], row)[1:] == ["; ".join(row)]


def test_a_table_without_words_above_its_numbers_does_not_go_on() -> None:
    assert texts(["2023", "2024"], ["1", "2"], [], ["3", "4"]) == ["2023: 1; 2024: 2", "3; 4"]


def test_rows_of_one_cell_are_paragraphs_with_their_place() -> None:
    found = list(sheet_blocks("Notes", [SheetRow(4, ("", "first")), SheetRow(5, ("", "second"))], 1))
    assert [(block.kind, block.text, block.cells) for block in found[1:]] == [
        (BlockKind.PARAGRAPH, "first", (4, 2, 4, 2)),
        (BlockKind.PARAGRAPH, "second", (5, 2, 5, 2)),
    ]


def test_a_caption_above_the_table_keeps_its_own_place() -> None:
    assert blocks(["Prices of 2024"], ["Item", "Price"], ["bolt", "12"]) == [
        ("Prices of 2024", (1, 1, 1, 1)),
        ("Item: bolt; Price: 12", (3, 1, 3, 2)),
    ]


def test_a_far_cell_stands_by_itself_and_costs_little() -> None:
    begin = time.monotonic()
    rows = [SheetRow(1, ("Item", "Price")), SheetRow(2, ("bolt", "12"))]
    found = list(sheet_blocks("Prices", [*rows, SheetRow(1_048_576, ("",) * 16_383 + ("stray",))], 1))
    assert found[-1].cells == (1_048_576, 16_384, 1_048_576, 16_384)
    assert time.monotonic() - begin < 1


def test_a_cell_of_very_many_digits_costs_little() -> None:
    begin = time.monotonic()
    assert len(texts(["Item", "Price"], ["bolt", "12"], [], ["nut", "1" * 30_000 + "x"])) == 2
    assert time.monotonic() - begin < 1


def test_more_rows_or_columns_than_the_limit_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "ROWS_MAX", 2)
    monkeypatch.setattr(sheets, "COLUMNS_MAX", 2)
    assert texts(["", "a", "b"], ["", "c", "d"]) == ["a: c; b: d"]
    for rows in ([["a"], ["b"], ["c"]], [["a", "b", "c"]]):
        with pytest.raises(DocumentRejected, match="exceeds 2 rows or 2 columns; split it"):
            blocks(*rows)


@pytest.mark.parametrize("generic", ["Sheet1", "Feuil2", "feuille 3", "Tabelle1", "Table"])
def test_a_workbook_is_called_by_its_first_sheet_unless_a_program_named_that(generic: str) -> None:
    assert title_of([generic, "Prices"]) == ""
    assert title_of(["Sheet music", generic]) == "Sheet music"
    assert title_of([]) == ""


@given(st.lists(st.lists(st.sampled_from(["", "a", "b c", "1", "2 %"]), max_size=4), max_size=8))
@example([["1", "", "", "b c"], ["", "a"], ["", "", "", "a"]])
def test_every_cell_is_told_as_header_or_at_its_place(rows: list[list[str]]) -> None:
    trimmed = [row[: max((place for place, cell in enumerate(row, 1) if cell), default=0)] for row in rows]
    told = blocks(*trimmed)
    words = {word for row in trimmed for cell in row for word in cell.split()}
    assert all(any(cell in text for text, _ in told) for row in trimmed for cell in row if cell)
    for text, cells in told:
        assert cells is not None
        top, left, bottom, right = cells
        assert top == bottom
        row = trimmed[top - 1]
        assert right == len(row)
        assert left <= next(place for place, cell in enumerate(row, 1) if cell)
        is_header = set(text.replace(";", "").split()) <= words  # of columns that hold nothing else
        assert all(cell in text for cell in row) or is_header
