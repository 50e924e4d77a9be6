"""An OpenDocument file gives what its reader sees: text, sheets and slides with their structure."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.documents import BlockKind, ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing.opendocument import parse
from tests.rag.parsing.damage import SOME, damaged, damaged_inside, ends_well, package

SPACES = {
    "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
    "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
    "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
    "draw": "urn:oasis:names:tc:opendocument:xmlns:drawing:1.0",
    "style": "urn:oasis:names:tc:opendocument:xmlns:style:1.0",
    "fo": "urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0",
    "presentation": "urn:oasis:names:tc:opendocument:xmlns:presentation:1.0",
    "dc": "http://purl.org/dc/elements/1.1/",
}
DECLARED = " ".join(f'xmlns:{prefix}="{name}"' for prefix, name in SPACES.items())


def made(kind: str, body: str, styles: str = "", named: str = "", meta: str = "") -> bytes:
    content = f"<office:automatic-styles>{styles}</office:automatic-styles>"
    content += f"<office:body><office:{kind}>{body}</office:{kind}></office:body>"
    parts = {
        "content.xml": f"<office:document-content {DECLARED}>{content}</office:document-content>",
        "styles.xml": f"<office:document-styles {DECLARED}>{named}</office:document-styles>",
        "meta.xml": f"<office:document-meta {DECLARED}><office:meta>{meta}</office:meta></office:document-meta>",
    }
    return package({name: f'<?xml version="1.0" encoding="UTF-8"?>{part}' for name, part in parts.items()})


def style(name: str, family: str, properties: str, parent: str = "") -> str:
    inherited = f'style:parent-style-name="{parent}"' if parent else ""
    return f'<style:style style:name="{name}" style:family="{family}" {inherited}>{properties}</style:style>'


def text_look(look: str) -> str:
    return f"<style:text-properties {look}/>"


def blocks(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind.value, block.text) for block in document.blocks]


def words(body: str, styles: str = "", named: str = "") -> list[str]:
    return [block.text for block in parse(made("text", body, styles, named)).blocks]


def cell(text: str = "", more: str = "") -> str:
    return f"<table:table-cell {more}>{f'<text:p>{text}</text:p>' if text else ''}</table:table-cell>"


def row(*texts: str, more: str = "") -> str:
    return f"<table:table-row {more}>{''.join(cell(text) for text in texts)}</table:table-row>"


def sheet(*rows: str, name: str = "Prices", more: str = "") -> str:
    return f'<table:table table:name="{name}" {more}>{"".join(rows)}</table:table>'


def placed(*rows: str) -> list[tuple[str, tuple[int, int, int, int] | None]]:
    return [(block.text, block.cells) for block in parse(made("spreadsheet", sheet(*rows))).blocks[1:]]


def slide(body: str, more: str = "") -> str:
    return f"<draw:page {more}>{body}</draw:page>"


def frame(text: str, more: str = "") -> str:
    return f"<draw:frame {more}><draw:text-box><text:p>{text}</text:p></draw:text-box></draw:frame>"


PROSE = """<text:h text:outline-level="2">Leave</text:h>
<text:p>One<text:s text:c="2"/>day<text:line-break/>off.</text:p>
<text:list><text:list-item><text:p>first</text:p><text:list><text:list-item><text:p>inner</text:p></text:list-item>
</text:list></text:list-item></text:list>"""
TABLE = sheet(f"<table:table-header-rows>{row('Type', 'Hours')}</table:table-header-rows>", row("annual", "40"))
TEXT = made(
    "text", PROSE + TABLE, meta="<dc:title> Handbook </dc:title><dc:date>2024-05-01T10:00:00.123456789</dc:date>"
)


def test_headings_paragraphs_items_and_tables_come_in_order_with_title_and_date() -> None:
    document = parse(TEXT)
    assert blocks(document) == [
        ("heading", "Leave"),
        ("paragraph", "One day off."),
        ("list_item", "first"),
        ("list_item", "inner"),
        ("table_row", "Type: annual; Hours: 40"),
    ]
    assert document.blocks[0].level == 2
    assert (document.title, document.pages) == ("Handbook", None)
    assert document.modified_at is not None
    assert str(document.modified_at).startswith("2024-05-01 10:00:00")


def test_a_file_without_a_title_or_a_date_is_called_by_its_first_heading() -> None:
    document = parse(made("text", PROSE, meta="<dc:date>yesterday</dc:date>"))
    assert (document.title, document.modified_at) == ("Leave", None)


@pytest.mark.parametrize(("level", "expected"), [("0", 1), ("9", 6), ("x", 1), ("9" * 5000, 1)])
def test_a_level_that_no_heading_has_is_brought_within_bounds(level: str, expected: int) -> None:
    (block,) = parse(made("text", f'<text:h text:outline-level="{level}">Leave</text:h>')).blocks
    assert block.level == expected


@pytest.mark.parametrize(
    "unseen",
    [
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>x</text:p></text:deletion>"
        "</text:changed-region></text:tracked-changes>",
        "<text:p><office:annotation><dc:creator>x</dc:creator><text:p>x</text:p></office:annotation></text:p>",
        "<text:p><text:hidden-text>x</text:hidden-text></text:p>",
        '<text:p><text:hidden-paragraph text:is-hidden="true"/>x</text:p>',
        '<text:section text:display="none"><text:p>x</text:p></text:section>',
        '<text:section text:display="condition" text:is-hidden="true"><text:p>x</text:p></text:section>',
        "<office:forms><text:p>x</text:p></office:forms>",
        "<text:p><!-- x --></text:p><!-- x -->",
    ],
)
def test_what_a_reader_does_not_see_is_left_out(unseen: str) -> None:
    assert words(f"<text:p>seen</text:p>{unseen}") == ["seen"]


@pytest.mark.parametrize(
    "look",
    ['text:display="none"', 'fo:font-size="1pt"', 'fo:font-size="0.05cm"', 'fo:font-size="0pt"', 'fo:color="#FFFFFF"'],
)
def test_hidden_tiny_and_white_styles_hide_their_paragraphs_and_their_runs(look: str) -> None:
    styles = style("A", "paragraph", text_look(look)) + style("B", "text", text_look(look))
    body = '<text:p text:style-name="A">x</text:p><text:p>seen<text:span text:style-name="B">x</text:span> too</text:p>'
    assert words(body, styles) == ["seen too"]


@pytest.mark.parametrize("look", ['fo:font-size="0.4cm"', 'fo:font-size="8pt"', 'fo:color="#fff000"'])
def test_small_and_coloured_text_is_kept(look: str) -> None:
    assert words('<text:p text:style-name="A">x</text:p>', style("A", "paragraph", text_look(look))) == ["x"]


def test_a_style_hides_what_its_parents_hide_and_those_of_the_other_file_too() -> None:
    named = style("Hidden", "paragraph", text_look('text:display="none"')) + style("Base", "paragraph", "", "Hidden")
    styles = style("P1", "paragraph", "<!-- a comment -->", "Base")
    styles += style("P2", "paragraph", text_look('text:display="true"'), "Base")
    body = '<text:p text:style-name="{}">{}</text:p>'
    shown = "".join(body.format(name, name) for name in ("Hidden", "P1", "P2"))
    assert words(shown, styles, named) == ["P2"]


def test_a_style_of_another_family_or_of_the_page_margins_hides_nothing() -> None:
    named = style("P1", "paragraph", text_look('text:display="none"'))
    styles = style("P1", "paragraph", "") + style("P1", "graphic", text_look('text:display="none"'))
    assert words('<text:p text:style-name="P1">x</text:p>', styles, named) == ["x"]


def test_styles_that_are_each_others_parents_end() -> None:
    styles = style("A", "paragraph", "", "B") + style("B", "paragraph", "", "A")
    assert words('<text:p text:style-name="A">x</text:p>', styles) == ["x"]


def test_white_text_on_a_colour_is_kept() -> None:
    styles = style("White", "text", text_look('fo:color="#ffffff"'))
    styles += style("Label", "text", text_look('fo:color="#ffffff" fo:background-color="#000066"'))
    styles += style("Bar", "paragraph", '<style:paragraph-properties fo:background-color="#000066"/>')
    styles += style("Clear", "paragraph", '<style:paragraph-properties fo:background-color="transparent"/>')
    white = '<text:span text:style-name="White">x{}</text:span>'
    body = f'<text:p text:style-name="Bar">{white.format(1)}</text:p><text:p>{white.format(2)}</text:p>'
    body += f'<text:p text:style-name="Clear">{white.format(3)}</text:p>'
    body += '<text:p><text:span text:style-name="Label">x4</text:span></text:p>'
    body += f"<text:p>{frame(white.format(5))}</text:p>{sheet(row(white.format(6)))}"
    assert words(body, styles) == ["x1", "x4", "x5", "x6"]


def test_a_table_in_a_table_is_read_once() -> None:
    inner = sheet(row("a", "b"))
    outer = f"<table:table-row><table:table-cell>{inner}</table:table-cell>{cell('c')}</table:table-row>"
    assert words(sheet(row("One", "Two"), outer)) == ["One: a b; Two: c"]


def test_sheets_are_pages_whose_rows_carry_their_header_and_their_place() -> None:
    hidden = style("ta2", "table", '<style:table-properties table:display="false"/>')
    body = sheet(row("Item", "Price"), row("bolt", "12,50 €"))
    body += sheet(row("x"), name="Secret", more='table:style-name="ta2"') + sheet(row("bolts"), name="Stock")
    document = parse(made("spreadsheet", body, hidden))
    assert (document.title, document.pages) == ("Prices", 3)
    assert [(block.kind, block.text, block.page, block.cells) for block in document.blocks] == [
        (BlockKind.HEADING, "Prices", 1, None),
        (BlockKind.TABLE_ROW, "Item: bolt; Price: 12,50 €", 1, (2, 1, 2, 2)),
        (BlockKind.HEADING, "Stock", 3, None),
        (BlockKind.PARAGRAPH, "bolts", 3, (1, 1, 1, 1)),
    ]


def test_a_hidden_first_sheet_does_not_name_the_workbook() -> None:
    hidden = style("ta1", "table", '<style:table-properties table:display="false"/>')
    body = sheet(row("x"), name="Secret", more='table:style-name="ta1"') + sheet(row("bolts"), name="Stock")
    assert parse(made("spreadsheet", body, hidden)).title == "Stock"


def test_a_cell_gives_what_is_shown_and_neither_its_formula_nor_its_note() -> None:
    shown = cell("12 %<office:annotation><text:p>x</text:p></office:annotation>", 'table:formula="of:=[.A1]*2"')
    assert placed(f"<table:table-row>{cell('a')}{shown}</table:table-row>") == [("a; 12 %", (1, 1, 1, 2))]


def test_hidden_and_filtered_rows_are_left_out_and_counted() -> None:
    rows = (row("x", more=f'table:visibility="{how}"') for how in ("collapse", "filter"))
    assert placed(row("Item", "Price"), *rows, row("bolt", "12")) == [
        ("Item: bolt; Price: 12", (4, 1, 4, 2)),
    ]


def test_repeated_empty_rows_and_columns_are_counted_and_cost_little() -> None:
    begin = time.monotonic()
    gap = '<table:table-cell table:number-columns-repeated="{}"/>'
    empty = f'<table:table-row table:number-rows-repeated="{{}}">{gap.format(16_384)}</table:table-row>'
    far = f"<table:table-row>{gap.format(16_383)}{cell('stray')}</table:table-row>"
    plain = f"<table:table-row>{cell('bolt')}{cell('12')}{gap.format(16_382)}</table:table-row>"
    found = placed(row("Item", "Price"), *[plain] * 2000, empty.format(1_046_574), far, empty.format(2_000_000_000))
    assert found[-1] == ("stray", (1_048_576, 16_384, 1_048_576, 16_384))
    assert found[1999] == ("Item: bolt; Price: 12", (2001, 1, 2001, 2))
    assert time.monotonic() - begin < 5


def test_a_filled_cell_that_is_repeated_stands_in_each_column() -> None:
    repeated = cell("2", 'table:number-columns-repeated="2"')
    assert placed(row("a", "b", "c"), f"<table:table-row>{cell('1')}{repeated}</table:table-row>") == [
        ("a: 1; b: 2; c: 2", (2, 1, 2, 3))
    ]


@pytest.mark.parametrize("times", ["16385", "999999999"])
def test_a_cell_repeated_beyond_the_last_column_is_rejected(times: str) -> None:
    repeated = cell("x", f'table:number-columns-repeated="{times}"')
    with pytest.raises(DocumentRejected, match="beyond column 16384"):
        placed(f"<table:table-row>{repeated}</table:table-row>")


def test_slides_are_pages_with_their_title_first() -> None:
    body = slide(frame("body", 'presentation:class="outline"') + frame("Title", 'presentation:class="title"'))
    body += slide("<text:list><text:list-item><text:p>item</text:p></text:list-item></text:list>")
    document = parse(made("presentation", body))
    assert [(block.kind.value, block.text, block.page, block.level) for block in document.blocks] == [
        ("heading", "Title", 1, 2),
        ("paragraph", "body", 1, 0),
        ("list_item", "item", 2, 0),
    ]
    assert (document.title, document.pages) == ("Title", 2)


def test_hidden_slides_and_speaker_notes_are_left_out_and_the_others_keep_their_numbers() -> None:
    hidden = style("dp2", "drawing-page", '<style:drawing-page-properties presentation:visibility="hidden"/>')
    notes = f"<presentation:notes>{frame('said aloud')}</presentation:notes>"
    body = slide(frame("one") + notes) + slide(frame("two"), 'draw:style-name="dp2"') + slide(frame("three"))
    document = parse(made("presentation", body, hidden))
    assert [(block.text, block.page) for block in document.blocks] == [("one", 1), ("three", 3)]
    assert document.pages == 3


def test_a_file_without_a_body_or_nested_without_end_is_rejected() -> None:
    with pytest.raises(DocumentRejected, match="has no body"):
        parse(package({"content.xml": f"<office:document-content {DECLARED}/>"}))
    with pytest.raises(DocumentRejected, match="nests more than 60"):
        words("<text:section>" * 70 + "<text:p>x</text:p>" + "</text:section>" * 70)


@pytest.mark.parametrize("part", ["content.xml", "styles.xml", "meta.xml"])
def test_entities_are_refused_in_every_part(part: str) -> None:
    parts = {"content.xml": f"<office:document-content {DECLARED}/>", "styles.xml": "<a/>", "meta.xml": "<a/>"}
    parts[part] = '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + parts[part]
    with pytest.raises(DocumentRejected, match="declares entities"):
        parse(package(parts))


SHOW = made("presentation", slide(frame("Title", 'presentation:class="title"') + frame("words")))
SHEETS = made("spreadsheet", sheet(row("Item", "Price"), row("bolt", "12")), style("a", "table", ""))


@SOME
@given(st.binary(max_size=300) | damaged(TEXT) | damaged_inside(TEXT) | damaged_inside(SHEETS))
def test_any_bytes_are_a_document_or_a_refusal(data: bytes) -> None:
    assert ends_well(parse, data)


def test_what_a_style_hides_is_kept_apart_and_what_others_see_elsewhere_is_not() -> None:
    hidden = style("P1", "paragraph", text_look('text:display="none"'))
    remark = "<office:annotation><text:p>a remark</text:p></office:annotation>"
    body = f'<text:p text:style-name="P1">obey me</text:p><text:p>plain{remark}</text:p>'
    document = parse(made("text", body, hidden))
    assert document.hidden == ("obey me",)
    assert [text for _, text in blocks(document)] == ["plain"]
