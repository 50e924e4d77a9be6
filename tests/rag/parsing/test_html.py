"""A page gives what its reader sees."""

import pytest

from rag.errors import DocumentRejected
from rag.parsing.html import parse


def blocks(body: str) -> list[tuple[str, str]]:
    return [(block.kind.value, block.text) for block in parse(f"<html><body>{body}</body></html>".encode()).blocks]


def test_headings_paragraphs_items_and_tables_come_in_order() -> None:
    body = """<h1>Leave<br>types</h1><p>One <b>day</b>.</p><ul><li>first<ul><li>inner</li></ul></li></ul>
    <table><tr><th>Type<th>Hours</tr><tr><td>annual<td><p>2</p><p>40</p></tr></table>tail"""
    assert blocks(body) == [
        ("heading", "Leave types"),
        ("paragraph", "One day."),
        ("list_item", "first"),
        ("list_item", "inner"),
        ("table_row", "Type: annual; Hours: 2 40"),
        ("paragraph", "tail"),
    ]


def test_a_line_end_splits_only_before_a_list_item() -> None:
    assert blocks("<p>wrapped<br>line<br>- item<br>more of it</p>") == [
        ("paragraph", "wrapped line"),
        ("list_item", "- item more of it"),
    ]


def test_a_header_that_spans_columns_reaches_both() -> None:
    body = """<table><tr><td></td><td colspan="2">Year</td></tr><tr><td></td><td>2019</td><td>2018</td></tr>
    <tr><td>Sales</td><td>2</td><td>1</td></tr></table>"""
    assert blocks(body) == [("table_row", "Sales; Year 2019: 2; Year 2018: 1")]


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>x</script>",
        "<style>x</style>",
        "<nav>x</nav>",
        "<!-- x -->",
        "<p hidden>x</p>",
        "<p style='DISPLAY : none'>x</p>",
        "<p style='font-size:0'>x</p>",
        "<p style='opacity:0'>x</p>",
        "<p style='color:#FFF'>x</p>",
        "<p style='position:absolute; left:-9999px'>x</p>",
        "<select><option>x</select>",
        "<h2><span hidden>x</span></h2>",
        "<table><tr><td hidden>x</td></tr></table>",
    ],
)
def test_what_a_browser_hides_is_left_out(hidden: str) -> None:
    assert blocks(f"<p>seen</p>{hidden}") == [("paragraph", "seen")]


@pytest.mark.parametrize(
    "seen",
    [
        "<form action=x><p>x</p></form>",
        "<div style='background:#003'><p style='color:white'>x</p></div>",
        "<p style='font-size:0.9em'>x</p>",
        "<p style='opacity:0.9'>x</p>",
    ],
)
def test_what_a_browser_shows_is_kept(seen: str) -> None:
    assert blocks(seen) == [("paragraph", "x")]


def test_the_title_and_the_date_come_from_the_head() -> None:
    document = parse(
        b"<head><title> A \n title</title><meta name='last-modified' content='2024-05-01T10:00:00+02:00'></head><p>x"
    )
    assert document.title == "A title"
    assert str(document.modified_at) == "2024-05-01 10:00:00+02:00"


def test_a_page_nested_without_end_is_rejected() -> None:
    with pytest.raises(DocumentRejected, match="nests more than"):
        blocks("<div>" * 254 + "x")
