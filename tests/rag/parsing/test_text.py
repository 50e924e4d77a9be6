"""Plain text and CSV keep their lines, items and rows."""

import pytest

from rag.documents import BlockKind
from rag.errors import DocumentRejected
from rag.parsing.text import parse_csv, parse_text

PARAGRAPH, ITEM, HEADING = BlockKind.PARAGRAPH, BlockKind.LIST_ITEM, BlockKind.HEADING


def test_wrapped_lines_are_joined_and_a_short_first_line_is_the_title() -> None:
    text = (
        b"Leave policy\n\nEverybody has twenty-five days\nof leave a year, and may carry\nover five.\n\n- one\n- two\n"
    )
    document = parse_text(text)
    assert document.title == "Leave policy"
    assert [(block.kind, block.text) for block in document.blocks] == [
        (HEADING, "Leave policy"),
        (PARAGRAPH, "Everybody has twenty-five days of leave a year, and may carry over five."),
        (ITEM, "- one"),
        (ITEM, "- two"),
    ]


def test_lines_that_were_ended_on_purpose_stay_apart() -> None:
    document = parse_text(b"name: value of a setting that is long\nother: 1\nthird: another long value of a setting")
    assert len(document.blocks) == 2
    long = b"x " * 80
    assert len(parse_text(long + b"\n" + long).blocks) == 2


def test_a_sentence_is_no_title() -> None:
    assert parse_text(b"It rains.\n\nIt pours.").title == ""


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_of_a_csv_is_found(delimiter: str) -> None:
    text = "\r\n".join(delimiter.join(row) for row in (["Ville", "Code"], ["Évry", "91000"], ["Nice", "06000"]))
    document = parse_csv(text.encode("cp1252"))
    assert [block.text for block in document.blocks] == ["Ville: Évry; Code: 91000", "Ville: Nice; Code: 06000"]


def test_a_quoted_cell_keeps_its_delimiters_and_lines() -> None:
    assert parse_csv(b'a,b\n"x, y\nz",2\n').blocks[0].text == "a: x, y z; b: 2"


def test_a_table_over_the_limits_is_rejected_with_them() -> None:
    with pytest.raises(DocumentRejected, match="1000 columns"):
        parse_csv(b",".join([b"x"] * 1001))
