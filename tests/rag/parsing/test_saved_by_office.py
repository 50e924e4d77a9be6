"""Files that Microsoft Office saved itself give what Office shows of them."""

import csv
import hashlib
import io
import re
import zipfile
from pathlib import Path

import olefile
import pytest

from rag.documents import Block
from rag.parsing.sandbox import read_document

DATA = Path(__file__).parents[2] / "data"
OFFICE = DATA / "office"
SHEETS = [
    ("heading", "data", 2, None),
    ("table_row", "empty_column", 2, (1, 1, 1, 7)),
    (
        "table_row",
        "text: Chicago Reader; date: 1971-01-01; integer: 40; boolean: TRUE; float: 1; datetime: 1971-01-01 04:14",
        2,
        (2, 1, 2, 6),
    ),
    (
        "table_row",
        "text: Chicago Sun-Times; date: 1948-01-01; integer: 63; boolean: TRUE; float: 1.27; "
        "datetime: 1948-01-01 14:57; Extra data beyond headers will be trimmed",
        2,
        (3, 1, 3, 8),
    ),
    (
        "table_row",
        "text: Chicago Tribune; date: 1920-01-01; integer: 164; boolean: FALSE; float: 41800000.01; "
        "datetime: 1920-01-01",
        2,
        (4, 1, 4, 6),
    ),
    ("table_row", "text: This row has blanks", 2, (5, 1, 5, 1)),
    ("table_row", "text: Unicode! Σ", 2, (6, 1, 6, 1)),
    ("heading", "ʤ", 3, None),
    ("table_row", "a: 1; b: 2; c: 3", 3, (2, 1, 2, 3)),
]
SAVED = {
    "word-16-nested-table.docx": [
        ("paragraph", "Lorem ipsum dolor sit amet, consectetur adipiscing elit.", None, None),
        ("table_row", "Text before Table Between Text after", None, None),
        ("paragraph", "Donec semper facilisis metus finibus malesuada.", None, None),
    ],
    "word-16-comments.docx": [
        ("paragraph", text, None, None)
        for text in (
            *("Document text", "Some text worthy of note.", "Other document text.", "Other text worthy of note."),
            *("Paragraph 5", "Paragraph 6", "Paragraph 7"),
        )
    ],
    "word-14-merged-cells.docx": [
        ("table_row", text, None, None)
        for text in (
            *("1: 4; 2: 5; 3: 6", "1: 7; 2: 8; 3: 9"),
            *("1: 4; 3: 6", "1: 7; 2: 8; 3: 9"),
            *("1: 4; 2: 5; 3: 6", "1: 7; 2: 5; 3: 9"),
            *("2", "1: 4; 3: 6", "1: 4; 3: 9"),
        )
    ],
    "word-14.doc": [("paragraph", "Test OLE file, saved as Word 97-2003 Document.", None, None)],
    "powerpoint-14-group-and-table.pptx": [
        ("heading", "Test text", 1, None),
        ("table_row", "Col head 1: Cell text 1; Col head 2: Cell text 2", 1, None),
        *(("paragraph", text, 1, None) for text in ("Group test text", "Box 1", "Box 2")),
    ],
    "excel-15-sheets.xlsx": SHEETS,
    "excel-15-sheets.xls": SHEETS,
}
"""Kind, text, page and cells of each block. A comment, a blank sheet and the names of pictures are not among them."""


def told(block: Block) -> tuple[str, str, int | None, tuple[int, int, int, int] | None]:
    return block.kind.value, block.text, block.page, block.cells


def program(data: bytes) -> str:
    """The program that a file says it was saved by."""
    if not data.startswith(b"PK"):
        return str(olefile.OleFileIO(io.BytesIO(data)).get_metadata().creating_application.decode())
    about = zipfile.ZipFile(io.BytesIO(data)).read("docProps/app.xml").decode()
    found = re.search("<Application>(.*?)</Application>", about)
    return found[1] if found else ""


@pytest.mark.parametrize("name", SAVED)
def test_a_file_of_microsoft_office_gives_what_it_shows(name: str, tmp_path: Path) -> None:
    data = (OFFICE / name).read_bytes()
    assert re.fullmatch(r"Microsoft (Office|Macintosh) (Word|PowerPoint|Excel)", program(data))
    document = read_document(name, data, tmp_path).document
    assert [told(block) for block in document.blocks] == SAVED[name]


@pytest.mark.parametrize("name", SAVED)
def test_the_file_is_the_one_that_was_taken_over(name: str) -> None:
    with (DATA / "SOURCES.tsv").open(newline="") as listed:
        notes = {row["file"]: row["note"] for row in csv.DictReader(listed, delimiter="\t")}
    assert notes[f"office/{name}"].endswith(hashlib.sha256((OFFICE / name).read_bytes()).hexdigest())
