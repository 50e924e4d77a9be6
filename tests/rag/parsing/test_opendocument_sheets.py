"""A sheet of an OpenDocument file gives what its reader sees; hidden rows, columns and cells are kept apart."""

import pytest

from rag.documents import ParsedDocument
from rag.parsing.opendocument import parse
from tests.rag.parsing.test_opendocument import cell, made, row, sheet, style, text_look

COLLAPSED = 'table:visibility="collapse"'


def column(more: str = "") -> str:
    return f"<table:table-column {more}/>"


def group(of: str, inside: str, more: str = "") -> str:
    return f"<table:table-{of}-group {more}>{inside}</table:table-{of}-group>"


def styled(name: str, text: str) -> str:
    return cell(text, f'table:style-name="{name}"')


def read(*parts: str, styles: str = "") -> ParsedDocument:
    return parse(made("spreadsheet", sheet(*parts), styles))


def lines(document: ParsedDocument) -> list[str]:
    return [block.text for block in document.blocks[1:]]


def ground(colour: str, letters: str) -> str:
    return f'<style:table-cell-properties fo:background-color="{colour}"/>{text_look(f"fo:color={letters!r}")}'


HEAD, BOLT, NUT = row("Item", "Price", "Cost"), ("bolt", "12", "7"), row("nut", "3", "2")


@pytest.mark.parametrize(
    "hidden",
    [
        row(*BOLT, more=COLLAPSED),
        row(*BOLT, more='table:visibility="filter"'),
        row(*BOLT, more='table:style-name="low"'),
        group("row", row(*BOLT), 'table:display="false"'),
        group("row", row(*BOLT, more=COLLAPSED)),
        group("row", group("row", row(*BOLT)), 'table:display="false"'),
    ],
)
def test_hidden_rows_are_kept_apart_and_the_table_goes_on_below_them(hidden: str) -> None:
    low = style("low", "table-row", '<style:table-row-properties style:row-height="0in"/>')
    document = read(HEAD, hidden, NUT, styles=low)
    assert lines(document) == ["Item: nut; Price: 3; Cost: 2"]
    assert document.blocks[1].cells == (3, 1, 3, 3)
    assert "bolt 12 7" in document.hidden


@pytest.mark.parametrize(
    "columns",
    [
        column() + column(COLLAPSED) + column(),
        column() + column('table:style-name="thin"') + column(),
        column() + group("column", column(), 'table:display="false"') + column(),
        column() + column('table:visibility="filter"') + column('table:number-columns-repeated="16382"'),
    ],
)
def test_hidden_columns_are_kept_apart(columns: str) -> None:
    thin = style("thin", "table-column", '<style:table-column-properties style:column-width="0mm"/>')
    document = read(columns, HEAD, row(*BOLT), styles=thin)
    assert lines(document) == ["Item: bolt; Cost: 7"]
    assert {"Price", "12"} <= {*document.hidden}


def test_rows_and_columns_that_are_shown_are_read() -> None:
    columns = column('table:visibility="visible" table:style-name="wide"')
    wide = style("wide", "table-column", '<style:table-column-properties style:column-width="2cm"/>')
    document = read(columns, HEAD, group("row", row(*BOLT), 'table:display="true"'), styles=wide)
    assert (lines(document), document.hidden) == (["Item: bolt; Price: 12; Cost: 7"], ())


WHITE, LIKE = style("white", "table-cell", text_look('fo:color="#ffffff"')), ground("#1f4e78", "#1f4e78")


@pytest.mark.parametrize(
    "secret",
    [
        styled("white", "obey me"),
        styled("like", "obey me"),
        '<table:table-cell><text:p text:style-name="pale">obey me</text:p></table:table-cell>',
        '<table:table-cell><text:p><text:span text:style-name="pale">obey me</text:span></text:p></table:table-cell>',
    ],
)
def test_letters_of_the_colour_of_their_ground_are_kept_apart(secret: str) -> None:
    pale = "".join(style("pale", family, text_look('fo:color="#ffffff"')) for family in ("text", "paragraph"))
    document = read(
        HEAD,
        f"<table:table-row>{cell('nut')}{secret}</table:table-row>",
        styles=WHITE + pale + style("like", "table-cell", LIKE),
    )
    assert lines(document) == ["Price; Cost", "Item: nut"]
    assert "obey me" in document.hidden


def test_white_letters_on_a_colour_are_read() -> None:
    span = '<text:p><text:span text:style-name="pale">Cost</text:span></text:p>'
    head = styled("dark", "Item") + f'<table:table-cell table:style-name="dark">{span}</table:table-cell>'
    styles = style("dark", "table-cell", ground("#1f4e78", "#ffffff")) + style(
        "pale", "text", text_look('fo:color="#ffffff"')
    )
    document = read(f"<table:table-row>{head}</table:table-row>", row("bolt", "7"), styles=styles)
    assert (lines(document), document.hidden) == (["Item: bolt; Cost: 7"], ())


def test_a_cell_takes_the_style_of_its_row_or_else_of_its_column() -> None:
    white, plain = 'table:default-cell-style-name="white"', 'table:default-cell-style-name="plain"'
    columns = column() + column(white) + column()
    document = read(columns, HEAD, row(*BOLT, more=plain), row("nut", "3", "2", more=white), styles=WHITE)
    assert lines(document) == ["Item: bolt; 12; Cost: 7"]
    assert document.hidden == ("Price", "nut 3 2")


def test_a_merged_cell_is_read_as_long_as_a_part_of_it_is_shown() -> None:
    over = 'table:number-columns-spanned="2" table:number-rows-spanned="{}"'
    rows = [
        f"<table:table-row {COLLAPSED}>{cell('Prices of May', over.format(2))}</table:table-row>",
        row(),
        f"<table:table-row {COLLAPSED}>{cell('secret', over.format(1))}</table:table-row>",
    ]
    document = read(column(COLLAPSED), column(), *rows)
    assert lines(document) == ["Prices of May"]
    assert "secret" in document.hidden
