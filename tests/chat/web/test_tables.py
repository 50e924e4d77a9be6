"""Rows become a table only where they tell it without doubt, and its cells give back the very text of the rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.web.reading import Line, Run
from chat.web.tables import Table, tabled
from rag.parsing.tables import table_rows

ROWS = (
    "Mois: mai; Ventes: 12; Lieu: Metz",
    "Mois: juin; Lieu: Lyon",
    "Mois: juillet; Ventes: 9: un record; Lieu: Nice",
)


def lines(*texts: str, is_row: bool = False) -> list[Line]:
    return [Line((Run(text),), is_row=is_row) for text in texts]


def cells(table: Table) -> list[list[str]]:
    return [["".join(run.text for run in cell) for cell in row.cells] for row in table.rows]


def test_rows_stand_below_the_header_that_they_share_and_empty_cells_stay_empty() -> None:
    (table,) = tabled(lines(*ROWS))
    assert isinstance(table, Table)
    assert table.header == ("Mois", "Ventes", "Lieu")
    assert cells(table) == [["mai", "12", "Metz"], ["juin", "", "Lyon"], ["juillet", "9: un record", "Nice"]]


@pytest.mark.parametrize(
    "texts",
    [
        ("Note: one; Other: two",),  # one row of prose
        ("Note: one", "Note: two"),  # one column
        ("A: 1; B: 2", "B: 2; A: 1"),  # another order
        ("A: 1; B: 2", "C: 1; D: 2"),
        ("A: 1; A: 2", "A: 3; A: 4"),  # two columns of one name
        ("A: 1; loose; B: 2", "A: 1; B: 2; loose"),
        ("A: 1; B:", "A: 1; : 2"),
        ("", "plain"),
    ],
)
def test_what_may_be_something_else_stays_as_it_is(texts: tuple[str, ...]) -> None:
    given_lines = lines(*texts)
    assert list(tabled(given_lines)) == given_lines


def test_a_row_of_a_sheet_is_a_table_by_itself_and_other_lines_part_two_tables() -> None:
    (table,) = tabled(lines(ROWS[0], is_row=True))
    assert isinstance(table, Table)
    found = list(tabled(lines(*ROWS, "Total of the year", "A: 1; B: 2", "A: 3; B: 4")))
    assert [isinstance(part, Table) for part in found] == [True, False, True]


def test_a_heading_is_no_row() -> None:
    heading = Line((Run("A: 1; B: 2"),), is_heading=True)
    assert list(tabled([heading, heading])) == [heading, heading]


def test_cells_keep_what_is_cited_and_quoted() -> None:
    row = Line((Run("A: 1; B: ", True), Run("2 and", True, True), Run(" 3", True)))
    (table,) = tabled([*lines("A: 0; B: 0"), row])
    assert isinstance(table, Table)
    assert [each.is_cited for each in table.rows] == [False, True]
    assert table.rows[1].cells == ((Run("1", True),), (Run("2 and", True, True), Run(" 3", True)))


def test_a_quote_of_a_name_alone_marks_the_cells_of_its_row() -> None:
    row = Line((Run("A", True, True), Run(": 1; B: 2", True)))
    (table,) = tabled([*lines("A: 0; B: 0"), row])
    assert isinstance(table, Table)
    assert all(run.is_quoted for cell in table.rows[1].cells for run in cell)


words = st.text(st.characters(exclude_characters="\n\r", exclude_categories=("C", "Z")), min_size=1, max_size=8)
cell = st.one_of(st.just(""), words, st.sampled_from(["a; b", "a: b", "; ", ": ", "x; y: z"]))


@given(
    st.lists(words, min_size=2, max_size=4, unique=True), st.lists(st.lists(cell, min_size=4, max_size=4), max_size=4)
)
def test_what_the_readers_write_of_a_table_is_read_back_to_the_same_text(
    header: list[str], rows: list[list[str]]
) -> None:
    blocks = table_rows([header, *(row[: len(header)] for row in rows)])
    given_lines = lines(*(block.text for block in blocks), is_row=True)
    told: list[str] = []
    for part in tabled(given_lines):
        told += _rows(part) if isinstance(part, Table) else [part.text]
    assert told == [line.text for line in given_lines]


def _rows(table: Table) -> list[str]:
    named = [zip(table.header, row, strict=True) for row in cells(table)]
    return ["; ".join(f"{name}: {words}" for name, words in row if words) for row in named]
