"""A book gives its chapters in the order in which they are read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.documents import ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing import epub
from rag.parsing.epub import parse
from tests.rag.parsing.damage import SOME, damaged, damaged_inside, ends_well, package, parts_of

CONTAINER = """<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"""
DOCTYPE = '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://127.0.0.1:9/xhtml11.dtd">'


def page(body: str, before: str = DOCTYPE) -> str:
    html = f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>{body}</body></html>'
    return f'<?xml version="1.0" encoding="UTF-8"?>{before}{html}'


def book(chapters: dict[str, str], spine: str = "", title: str = "", **more: str) -> bytes:
    """A book of these chapters; `spine` gives their order where it is not that of the files."""
    items = "".join(f'<item id="i{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in chapters)
    order = "".join(f'<itemref idref="i{name}"/>' for name in spine.split() or chapters)
    about = f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{title}</dc:title></metadata>'
    opf = f'<package xmlns="http://www.idpf.org/2007/opf">{about}<manifest>{items}'
    opf += f'<item id="icss" href="a.css" media-type="text/css"/></manifest><spine>{order}</spine></package>'
    parts = {"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER, "OEBPS/book.opf": opf}
    return package(parts | {f"OEBPS/{name}": content for name, content in chapters.items()} | more)


def blocks(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind.value, block.text) for block in document.blocks]


def words(body: str, before: str = DOCTYPE) -> list[str]:
    return [block.text for block in parse(book({"a.xhtml": page(body, before)})).blocks]


WHOLE = book(
    {"a.xhtml": page("<h1>One</h1><p>first</p>"), "b.xhtml": page("<h2>Two</h2><ul><li>item</li></ul>")}, title="Été"
)


def test_chapters_come_in_the_order_of_the_spine_with_their_structure() -> None:
    assert blocks(parse(WHOLE)) == [
        ("heading", "One"),
        ("paragraph", "first"),
        ("heading", "Two"),
        ("list_item", "item"),
    ]
    assert [block.level for block in parse(WHOLE).blocks] == [1, 0, 2, 0]
    turned = book({"a.xhtml": page("<p>last</p>"), "b.xhtml": page("<p>first</p>")}, "b.xhtml a.xhtml")
    assert [block.text for block in parse(turned).blocks] == ["first", "last"]


def test_a_table_carries_its_header() -> None:
    assert words("<table><tr><th>Item</th><th>Price</th></tr><tr><td>bolt</td><td>12</td></tr></table>") == [
        "Item: bolt; Price: 12"
    ]


def test_the_title_is_the_books_or_its_first_heading() -> None:
    assert (parse(WHOLE).title, parse(WHOLE).pages) == ("Été", None)
    assert parse(book({"a.xhtml": page("<h1>One</h1>")})).title == "One"


def test_names_of_chapters_are_found_however_they_are_written() -> None:
    data = book({"a%20b.xhtml": page("<p>x</p>"), "../Text/c.xhtml": page("<p>y</p>")})
    parts = parts_of(data)
    parts["OEBPS/a b.xhtml"] = parts.pop("OEBPS/a%20b.xhtml")
    parts["Text/c.xhtml"] = parts.pop("OEBPS/../Text/c.xhtml")
    assert [block.text for block in parse(package(parts)).blocks] == ["x", "y"]


@pytest.mark.parametrize(
    "unseen",
    [
        "<p style='display:none'>x</p>",
        "<p hidden=''>x</p>",
        "<script>x</script>",
        "<nav>x</nav>",
        "<!-- x -->",
        "<p style='font-size:0'>x</p>",
    ],
)
def test_what_a_reader_does_not_see_is_left_out(unseen: str) -> None:
    assert words(f"<p>seen</p>{unseen}") == ["seen"]


def test_a_chapter_without_words_is_passed_over() -> None:
    chapters = {"a.xhtml": "", "b.xhtml": page("<img src='cover.png'/>"), "c.xhtml": page("<p>x</p>")}
    assert [block.text for block in parse(book(chapters)).blocks] == ["x"]


def test_a_chapter_that_is_named_twice_is_read_once() -> None:
    assert [block.text for block in parse(book({"a.xhtml": page("<p>x</p>")}, "a.xhtml a.xhtml")).blocks] == ["x"]


def test_what_is_not_in_the_spine_is_not_read() -> None:
    chapters = {"a.xhtml": page("<p>x</p>"), "b.xhtml": page("<p>not this</p>")}
    assert [block.text for block in parse(book(chapters, "a.xhtml css missing")).blocks] == ["x"]


def test_a_book_of_very_many_chapters_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epub, "CHAPTERS_MAX", 1)
    with pytest.raises(DocumentRejected, match="has 2 chapters; the limit is 1"):
        parse(WHOLE)


def test_a_book_under_copy_protection_is_rejected_and_one_whose_fonts_are_is_read() -> None:
    protected = """<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><EncryptedData
    xmlns="http://www.w3.org/2001/04/xmlenc#"><CipherData><CipherReference URI="{}"/></CipherData></EncryptedData>
    </encryption>"""
    chapters = {"a.xhtml": page("<p>x</p>")}
    with pytest.raises(DocumentRejected, match="copy protection"):
        parse(book(chapters, **{"META-INF/encryption.xml": protected.format("OEBPS/a.xhtml")}))
    assert parse(book(chapters, **{"META-INF/encryption.xml": protected.format("OEBPS/font.otf")})).blocks


@pytest.mark.parametrize("part", ["META-INF/container.xml", "OEBPS/book.opf", "OEBPS/a.xhtml"])
def test_a_book_that_lacks_a_part_is_rejected(part: str) -> None:
    parts = parts_of(WHOLE)
    del parts[part]
    with pytest.raises(DocumentRejected, match="the EPUB is broken"):
        parse(package(parts))


@pytest.mark.parametrize("part", ["META-INF/container.xml", "OEBPS/book.opf"])
def test_entities_are_refused_in_its_lists(part: str) -> None:
    parts = parts_of(WHOLE)
    parts[part] = b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + parts[part]
    with pytest.raises(DocumentRejected, match="declares entities"):
        parse(package(parts))


def test_entities_in_a_chapter_bring_in_nothing_and_unfold_to_nothing() -> None:
    nested = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    before = f'<!DOCTYPE html [<!ENTITY e0 "xxxx"><!ENTITY f SYSTEM "file:///etc/passwd">{nested}]>'
    text = " ".join(words("<p>a &e9; &f; b &eacute;</p>", before))
    assert "root:" not in text
    assert len(text) < 2000
    assert "é" in text


@SOME
@given(st.binary(max_size=300) | damaged(WHOLE) | damaged_inside(WHOLE))
def test_any_bytes_are_a_book_or_a_refusal(data: bytes) -> None:
    assert ends_well(parse, data)
