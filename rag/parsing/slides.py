"""The slides of a PowerPoint file as a show goes through them: in its order, without those that it passes over."""

import io
import posixpath
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lxml import etree
from lxml.etree import _Element as Element

from rag.parsing.packages import read_part, read_xml

KIND = "presentation"
_MAIN, _LINKS = "ppt/presentation.xml", "ppt/_rels/presentation.xml.rels"
_SLIDES, _MEDIA = "ppt/slides/", "ppt/media/"
_SLIDE = "{*}sldId"
_LINK = "}id"
"""Of whichever namespace: files in strict Open XML have others."""


@dataclass(frozen=True, slots=True)
class Show:
    """A package of the slides that are shown, named in their order, and the number of each among all slides."""

    data: bytes
    numbers: tuple[int, ...]
    slides: int


def show_of(package: zipfile.ZipFile) -> Show:
    """The show of a presentation. Raises DocumentRejected for one that lacks a slide that it lists.

    ECMA-376 part 1: the order is that of `sldIdLst` (19.2.1.34), whatever the slides' files are called, and a slide
    says that it is not shown (19.3.1.38, `show`). Pictures and films are left out.
    """
    order, links = read_xml(package, _MAIN, KIND), read_xml(package, _LINKS, KIND)
    targets = {link.get("Id", ""): link for link in links.iterchildren("{*}*")}
    listed = [
        targets.get(slide.get(name, ""))
        for slide in order.iter(_SLIDE)
        for name in map(str, slide.keys())
        if name.endswith(_LINK)
    ]
    shown = [(number, link) for number, link in enumerate(listed, 1) if link is not None and _is_shown(package, link)]
    names = [_name(link) for _, link in shown]
    for link in targets.values():
        if link.get("Type", "").endswith("/slide"):
            links.remove(link)
    for place, (_, link) in enumerate(shown, 1):
        link.set("Target", f"slides/slide{place}.xml")
        links.append(link)
    return Show(_packed(package, names, etree.tostring(links)), tuple(number for number, _ in shown), len(listed))


def _is_shown(package: zipfile.ZipFile, link: Element) -> bool:
    return read_xml(package, _name(link), KIND).get("show", "1") not in {"0", "false"}


def _name(link: Element) -> str:
    """The part that a link of the presentation leads to."""
    return posixpath.normpath(posixpath.join("/ppt", link.get("Target", ""))).lstrip("/")


def _packed(package: zipfile.ZipFile, names: Sequence[str], links: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr(_LINKS, links)
        for old, new in _kept(package, names):
            made.writestr(new, read_part(package, old, KIND))
    return out.getvalue()


def _kept(package: zipfile.ZipFile, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The parts that go into the show, under their names here and there."""
    there = set(package.namelist())
    for name in there - {_LINKS}:
        if not name.startswith((_SLIDES, _MEDIA)):
            yield name, name
    for place, name in enumerate(names, 1):
        yield name, f"{_SLIDES}slide{place}.xml"
        beside = posixpath.join(posixpath.dirname(name), "_rels", posixpath.basename(name) + ".rels")
        if beside in there:
            yield beside, f"{_SLIDES}_rels/slide{place}.xml.rels"
