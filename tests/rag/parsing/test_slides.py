"""A show is gone through in its order, without the slides that it passes over."""

import io
import zipfile

import pytest

from rag.errors import DocumentRejected
from rag.parsing.packages import open_package
from rag.parsing.slides import Show, show_of
from tests.rag.parsing.damage import package, parts_of
from tests.rag.parsing.decks import deck, links, shape, slide

LINKS = "ppt/_rels/presentation.xml.rels"


def shown(data: bytes) -> Show:
    with open_package(data, "presentation") as opened:
        return show_of(opened)


def words(show: Show) -> list[str]:
    """What stands in the files of the slides, by their numbers."""
    parts = parts_of(show.data)
    names = [f"ppt/slides/slide{number}.xml" for number in range(1, len(show.numbers) + 1)]
    assert {name for name in parts if name.startswith("ppt/slides/slide")} == set(names)
    assert parts[LINKS].count(b'/slide"') == len(names)
    return [parts[name].decode().split("<a:t>")[1].split("</a:t>")[0] for name in names]


def slides(*hidden: int, count: int = 12) -> list[str]:
    return [slide(shape(f"T{n}"), 'show="0"' if n in hidden else "") for n in range(1, count + 1)]


def test_slides_come_in_the_order_of_the_list_whatever_their_files_are_called() -> None:
    show = shown(deck(slides(), [12, 2, 1, *range(3, 12)]))
    assert words(show)[:4] == ["T12", "T2", "T1", "T3"]
    assert (show.numbers, show.slides) == (tuple(range(1, 13)), 12)


@pytest.mark.parametrize("value", ["0", "false"])
def test_hidden_slides_are_left_out_and_the_others_keep_their_numbers(value: str) -> None:
    made = [slide(shape("T1")), slide(shape("T2"), f'show="{value}"'), slide(shape("T3"), 'show="1"')]
    show = shown(deck(made, [3, 2, 1]))
    assert words(show) == ["T3", "T1"]
    assert (show.numbers, show.slides) == ((1, 3), 3)


def test_slides_that_the_list_does_not_name_are_left_out() -> None:
    assert words(shown(deck(slides(count=3), [3, 1]))) == ["T3", "T1"]


def test_a_strict_file_is_read_and_the_slides_of_a_section_are_not_counted_twice() -> None:
    parts = parts_of(deck(slides(2, count=3), [3, 2, 1]))
    for name in ("ppt/presentation.xml", LINKS):
        strict = parts[name].replace(
            b"schemas.openxmlformats.org/officeDocument/2006", b"purl.oclc.org/ooxml/officeDocument"
        )
        parts[name] = strict.replace(
            b"schemas.openxmlformats.org/presentationml/2006", b"purl.oclc.org/ooxml/presentationml"
        )
    section = b'</p:sldIdLst><s:section xmlns:s="urn:s"><s:sldId id="257"/></s:section>'
    parts["ppt/presentation.xml"] = parts["ppt/presentation.xml"].replace(b"</p:sldIdLst>", section)
    show = shown(package(parts))
    assert words(show) == ["T3", "T1"]
    assert (show.numbers, show.slides) == ((1, 3), 3)


@pytest.mark.parametrize("target", ["/ppt/other/first.xml", "other/first.xml", "../ppt/./other/first.xml"])
def test_a_slide_is_found_wherever_its_file_is_with_what_belongs_to_it(target: str) -> None:
    parts = parts_of(deck(slides(count=2)))
    parts["ppt/other/first.xml"] = parts.pop("ppt/slides/slide1.xml")
    parts["ppt/other/_rels/first.xml.rels"] = b"<a/>"
    parts[LINKS] = parts[LINKS].replace(b"slides/slide1.xml", target.encode())
    show = shown(package(parts))
    assert words(show) == ["T1", "T2"]
    assert parts_of(show.data)["ppt/slides/_rels/slide1.xml.rels"] == b"<a/>"


def test_pictures_and_films_are_left_out_and_other_parts_are_kept_once() -> None:
    show = shown(deck(slides(count=1), more={"ppt/media/film.mp4": "x", "ppt/diagrams/data1.xml": "<a/>"}))
    with zipfile.ZipFile(io.BytesIO(show.data)) as made:
        names = made.namelist()
    assert "ppt/diagrams/data1.xml" in names
    assert "ppt/media/film.mp4" not in names
    assert len(names) == len(set(names))


def test_a_presentation_without_slides_has_no_numbers() -> None:
    assert (shown(deck([])).numbers, shown(deck([])).slides) == ((), 0)


@pytest.mark.parametrize("gone", ["ppt/presentation.xml", LINKS, "ppt/slides/slide1.xml"])
def test_a_presentation_that_lacks_a_part_is_rejected(gone: str) -> None:
    parts = parts_of(deck(slides(count=1)))
    del parts[gone]
    with pytest.raises(DocumentRejected, match="the presentation is broken"):
        shown(package(parts))


@pytest.mark.parametrize("part", ["ppt/presentation.xml", LINKS, "ppt/slides/slide1.xml"])
def test_entities_are_refused_in_every_part(part: str) -> None:
    parts = parts_of(deck(slides(count=1)))
    parts[part] = b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + parts[part]
    with pytest.raises(DocumentRejected, match="declares entities"):
        shown(package(parts))


def test_links_to_no_slide_are_passed_over() -> None:
    parts = parts_of(deck(slides(count=2)))
    parts[LINKS] = links(("s2", "slide", "slides/slide2.xml")).encode() + b"<!-- a comment -->"
    assert words(shown(package(parts))) == ["T2"]
