"""A worksheet gives the rows, columns and cells that its reader sees; the words of the others are kept apart."""

from collections.abc import Callable

import pytest
from openpyxl.formatting.rule import CellIsRule, ColorScaleRule
from openpyxl.styles import Font, PatternFill
from openpyxl.worksheet.table import Table, TableStyleInfo
from openpyxl.worksheet.worksheet import Worksheet

from rag.errors import DocumentRejected
from rag.parsing import workbook, worksheet
from tests.rag.parsing.damage import package, parts_of
from tests.rag.parsing.test_workbook import SHEET, lines, sheet, written

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")
WHITE = Font(color="FFFFFFFF")
Write = Callable[[Worksheet], object]


def seen_and_not(write: Write) -> tuple[list[str], tuple[str, ...]]:
    """What is read of a table of three rows and three columns, and what is kept apart."""

    def whole(made: Worksheet) -> None:
        for row in (["Item", "Price", "Cost"], ["bolt", 12, 7], ["nut", 3, 2]):
            made.append(row)
        write(made)

    document = sheet(whole)
    return lines(document), document.hidden


ALL = ["Item: bolt; Price: 12; Cost: 7", "Item: nut; Price: 3; Cost: 2"]


@pytest.mark.parametrize("look", [{"hidden": True}, {"height": 0.75}, {"hidden": True, "outlineLevel": 1}])
def test_hidden_rows_are_kept_apart_and_the_table_goes_on_below_them(look: dict[str, float]) -> None:
    def write(made: Worksheet) -> None:
        for name, value in look.items():
            setattr(made.row_dimensions[2], name, value)

    assert seen_and_not(write) == (ALL[1:], ("bolt 12 7",))


@pytest.mark.parametrize("look", [{"hidden": True}, {"width": 0.1}, {"hidden": True, "outlineLevel": 1}])
def test_hidden_columns_are_kept_apart(look: dict[str, float]) -> None:
    def write(made: Worksheet) -> None:
        for name, value in look.items():
            setattr(made.column_dimensions["C"], name, value)

    assert seen_and_not(write) == (
        ["Item: bolt; Price: 12", "Item: nut; Price: 3"],
        ("Cost", "7", "2"),
    )


def test_a_run_of_hidden_columns_is_hidden_to_its_end() -> None:
    def write(made: Worksheet) -> None:
        made.column_dimensions.group("B", "C", hidden=True)

    assert seen_and_not(write) == (["Item", "bolt", "nut"], ("Price Cost", "12 7", "3 2"))


def test_rows_that_are_low_and_columns_that_are_narrow_are_read() -> None:
    def write(made: Worksheet) -> None:
        made.row_dimensions[2].height, made.column_dimensions["B"].width = 6, 1

    assert seen_and_not(write) == (ALL, ())


def test_white_cells_and_formats_of_nothing_are_kept_apart() -> None:
    def write(made: Worksheet) -> None:
        made["C2"].font = WHITE
        made["B3"].number_format = ";;;"

    assert seen_and_not(write) == (["Item: bolt; Price: 12", "Item: nut; Cost: 2"], ("7", "3"))


def test_white_letters_on_a_colour_are_read() -> None:
    def write(made: Worksheet) -> None:
        for cell in made[1]:
            cell.font, cell.fill = WHITE, PatternFill("solid", fgColor="FF1F4E78")

    assert seen_and_not(write) == (ALL, ())


@pytest.mark.parametrize(("name", "is_seen"), [("TableStyleMedium2", True), (None, False)])
def test_white_letters_on_a_table_are_read_where_its_style_may_colour_them(name: str | None, *, is_seen: bool) -> None:
    def write(made: Worksheet) -> None:
        for cell in made[1]:
            cell.font = WHITE
        made.add_table(Table(displayName="T", ref="A1:C3", tableStyleInfo=TableStyleInfo(name=name)))

    assert (seen_and_not(write)[1] == ()) is is_seen


@pytest.mark.parametrize(
    ("rule", "is_seen"),
    [
        (CellIsRule("greaterThan", ["0"], fill=PatternFill("solid", bgColor="FF1F4E78")), True),
        (ColorScaleRule(start_type="min", start_color="FF0000", end_type="max", end_color="00FF00"), True),
        (CellIsRule("greaterThan", ["0"], font=Font(bold=True)), False),
    ],
)
def test_white_letters_are_read_where_a_condition_may_colour_their_ground(rule: object, *, is_seen: bool) -> None:
    def write(made: Worksheet) -> None:
        made["B2"].font = WHITE
        made.conditional_formatting.add("B2:B3", rule)

    assert seen_and_not(write)[1] == (() if is_seen else ("12",))


def test_a_merged_cell_is_read_as_long_as_a_part_of_it_is_shown() -> None:
    def write(made: Worksheet) -> None:
        made["A5"], made["A7"] = "Prices of May", "secret"
        made.merge_cells("A5:C6")
        made.merge_cells("A7:C7")
        made.row_dimensions[5].hidden = made.row_dimensions[7].hidden = True

    assert seen_and_not(write) == ([*ALL, "Prices of May"], ("secret",))


@pytest.mark.parametrize(
    "columns",
    [
        '<col min="1" max="99999999" hidden="1"/>',
        '<col min="1" max="1" width="0"/>',
        '<col min="1" max="1" hidden="true"/>',
    ],
)
def test_a_column_is_hidden_however_that_is_written(columns: str) -> None:
    parts = parts_of(written(lambda book: book.active.append(["x"])))
    parts[SHEET] = parts[SHEET].replace(b"<sheetData>", f"<cols>{columns}</cols><sheetData>".encode())
    document = workbook.parse(package(parts))
    assert (document.blocks, document.hidden) == ((), ("x",))


@pytest.mark.parametrize("look", [b'ht="0"', b'hidden="true"'])
def test_a_row_is_hidden_however_that_is_written(look: bytes) -> None:
    parts = parts_of(written(lambda book: book.active.append(["x"])))
    parts[SHEET] = parts[SHEET].replace(b"<row ", b"<row " + look + b" ")
    document = workbook.parse(package(parts))
    assert (document.blocks, document.hidden) == ((), ("x",))


def test_a_sheet_that_hides_without_end_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worksheet, "UNSEEN_MAX", 2)
    with pytest.raises(DocumentRejected, match="hides more than 2 cells"):
        seen_and_not(lambda made: made.column_dimensions.group("B", "C", hidden=True))
