"""A workbook gives the values that its reader sees, where they stand."""

import io
import re
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from rag.documents import BlockKind, ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing import workbook
from tests.rag.parsing.damage import SOME, damaged, damaged_inside, ends_well, outcome, package, parts_of

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")
SHEET = "xl/worksheets/sheet1.xml"


def written(write: Callable[[Workbook], object]) -> bytes:
    book = openpyxl.Workbook()
    write(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def sheet(write: Callable[[Worksheet], object]) -> ParsedDocument:
    return workbook.parse(written(lambda book: write(book.active)))


def lines(document: ParsedDocument) -> list[str]:
    return [block.text for block in document.blocks if block.kind is not BlockKind.HEADING]


def shown(value: object, form: str) -> str:
    def write(made: Worksheet) -> None:
        made.append(["x", "y"])
        made.append(["a", value])
        made.cell(2, 2).number_format = form

    return lines(sheet(write))[0].removeprefix("x: a; y: ")


def prices(book: Workbook) -> None:
    book.active.title = "Prices"
    for row in (["Item", "Price"], ["bolt", 12], ["nut", 3.5]):
        book.active.append(row)
    book.create_sheet("Stock").append(["bolts"])


WHOLE = written(prices)


def test_sheets_are_pages_whose_rows_carry_their_header_and_their_place() -> None:
    document = workbook.parse(WHOLE)
    assert document.pages == 2
    assert [(block.kind.value, block.text, block.page, block.level, block.cells) for block in document.blocks] == [
        ("heading", "Prices", 1, 2, None),
        ("table_row", "Item: bolt; Price: 12", 1, 0, (2, 1, 2, 2)),
        ("table_row", "Item: nut; Price: 3.5", 1, 0, (3, 1, 3, 2)),
        ("heading", "Stock", 2, 2, None),
        ("paragraph", "bolts", 2, 0, (1, 1, 1, 1)),
    ]


def test_a_range_is_the_true_position_in_the_sheet() -> None:
    def write(made: Worksheet) -> None:
        for place, value in {"D11": "Item", "F11": "Price", "D12": "bolt", "F12": 12, "E40": "a note"}.items():
            made[place] = value

    assert [(block.text, block.cells) for block in sheet(write).blocks[1:]] == [
        ("Item: bolt; Price: 12", (12, 4, 12, 6)),
        ("a note", (40, 5, 40, 5)),
    ]


def test_hidden_sheets_are_left_out_and_the_others_keep_their_numbers() -> None:
    def write(book: Workbook) -> None:
        for number, state in enumerate(["hidden", "veryHidden", "visible"]):
            made = book.create_sheet(f"S{number}")
            made.append([f"words {number}"])
            made.sheet_state = state
        book.remove(book.worksheets[0])

    document = workbook.parse(written(write))
    assert [(block.text, block.page) for block in document.blocks] == [("S2", 3), ("words 2", 3)]
    assert document.pages == 3


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        (0.125, "0%", "12.5 %"),
        (1, "0%", "100 %"),
        (0.07, "0.00%", "7 %"),
        (12.5, '0.0"%"', "12.5 %"),
        (12.5, "0.0\\%", "12.5 %"),
        (12, '#,##0\\ "€"', "12 €"),
        (12.5, "[$€-40C]#,##0.00", "12.5 €"),
        (12, "[$£-809]#,##0", "12 £"),
        (12, "[$CHF-100C] #,##0", "12 CHF"),
        (12, '_("$"* #,##0_)', "12 $"),
        (12, "[$-409]#,##0", "12"),
        (12, "[Red]0", "12"),
        (1234567890123.45, "0.00", "1234567890123.45"),
        (0.1 + 0.2, "General", "0.3"),
        (True, "General", "TRUE"),
        (" a  b\n", "General", "a b"),
        (timedelta(hours=26, minutes=30), "[h]:mm:ss", "26:30:00"),
        (timedelta(minutes=-90), "[h]:mm:ss", "-1:30:00"),
        (date(2024, 5, 1), "dd/mm/yyyy", "2024-05-01"),
        (datetime(2024, 5, 1), "dd/mm/yyyy", "2024-05-01"),  # noqa: DTZ001
        (datetime(2024, 5, 1, 9, 30), "dd/mm/yyyy hh:mm", "2024-05-01 09:30"),  # noqa: DTZ001
    ],
)
def test_a_value_comes_as_its_format_says(value: object, form: str, expected: str) -> None:
    assert shown(value, form) == expected


def test_a_formula_gives_the_value_it_had_when_saved_and_never_itself() -> None:
    data = written(lambda book: [book.active.append(row) for row in (["a", "b"], ["sum", "=1+1"], ["new", "=2+2"])])
    parts = parts_of(data)
    parts[SHEET] = parts[SHEET].replace(b"<f>1+1</f><v></v>", b"<f>1+1</f><v>2</v>")
    assert lines(workbook.parse(package(parts))) == ["a: sum; b: 2", "a: new"]


def test_comments_are_left_out() -> None:
    def write(made: Worksheet) -> None:
        made["A1"] = "seen"
        made["A1"].comment = openpyxl.comments.Comment("unseen", "x")

    assert lines(sheet(write)) == ["seen"]


def test_tables_parted_by_empty_rows_have_their_own_headers() -> None:
    def write(made: Worksheet) -> None:
        for row in (["Item", "Price"], ["bolt", 12], [], ["Town", "Staff"], ["Lyon", 5]):
            made.append(row)

    assert lines(sheet(write)) == ["Item: bolt; Price: 12", "Town: Lyon; Staff: 5"]


def test_title_and_date_are_those_of_the_file() -> None:
    parts = parts_of(WHOLE)
    about, changed = "docProps/core.xml", rb"(<dcterms:modified .*>).*(</dcterms:modified>)"
    whole = parts[about]
    title = b'<dc:title xmlns:dc="http://purl.org/dc/elements/1.1/"> Catalogue </dc:title>'
    parts[about] = re.sub(changed, rb"\g<1>2024-05-01T10:00:00Z\g<2>" + title, whole)
    document = workbook.parse(package(parts))
    assert (document.title, str(document.modified_at)) == ("Catalogue", "2024-05-01 10:00:00")
    parts[about] = re.sub(changed, b"", whole)
    assert workbook.parse(package(parts)).modified_at is None
    del parts[about]
    assert workbook.parse(package(parts)).title == "Prices"


def test_a_sheet_name_that_a_program_gave_is_no_title() -> None:
    assert sheet(lambda made: made.append(["x"])).title == ""


def test_a_stray_cell_in_the_last_row_and_column_costs_little() -> None:
    def write(made: Worksheet) -> None:
        made.append(["Item", "Price"])
        made.append(["bolt", 12])
        made.cell(1_048_576, 16_384, "stray")

    begin = time.monotonic()
    blocks = sheet(write).blocks
    assert time.monotonic() - begin < 10
    assert [(block.text, block.cells) for block in blocks[1:]] == [
        ("Item: bolt; Price: 12", (2, 1, 2, 2)),
        ("stray", (1_048_576, 16_384, 1_048_576, 16_384)),
    ]


def test_a_declared_size_is_not_believed() -> None:
    whole = parts_of(WHOLE)
    for wrong in (b"A1:A1", b"A1:XFD1048576", b"C5:D6"):
        parts = whole | {SHEET: whole[SHEET].replace(b"A1:B3", wrong)}
        assert lines(workbook.parse(package(parts)))[:2] == ["Item: bolt; Price: 12", "Item: nut; Price: 3.5"]


def test_a_table_wider_than_the_limit_is_rejected() -> None:
    with pytest.raises(DocumentRejected, match="exceeds 200000 rows or 1000 columns"):
        sheet(lambda made: made.append(["x"] * 1001))


@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "xl/styles.xml", "docProps/core.xml"])
@pytest.mark.parametrize(
    "entities",
    [
        '<!ENTITY e SYSTEM "file:///etc/passwd">',
        '<!ENTITY % p SYSTEM "file:///etc/passwd"> %p; <!ENTITY e "x">',
        "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(9, 0, -1))
        + '<!ENTITY e0 "xx"><!ENTITY e "&e9;">',
    ],
)
def test_entities_bring_in_nothing_and_unfold_to_nothing_in_any_part(part: str, entities: str) -> None:
    parts = parts_of(WHOLE)
    for words in (b"bolt", b"Prices", b"General", b"openpyxl"):
        parts[part] = parts[part].replace(words, b"&e;")
    parts[part] = f"<!DOCTYPE x [{entities}]>".encode() + parts[part]
    ended = outcome(workbook.parse, package(parts))
    text = ended if isinstance(ended, str) else " ".join([ended.title, *lines(ended)])
    assert "root:" not in text
    assert "xxxx" not in text


@SOME
@given(st.binary(max_size=300) | damaged(WHOLE) | damaged_inside(WHOLE))
def test_any_bytes_are_a_workbook_or_a_refusal(data: bytes) -> None:
    assert ends_well(workbook.parse, data)
