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
_SLIDES = "ppt/slides/"
_NOT_KEPT = (_SLIDES, "ppt/media/")
_RUNNING = frozenset({"dt", "ftr", "hdr", "sldNum"})
"""Kinds of places on a slide. ECMA-376 part 1, 19.7.10 (`ST_PlaceholderType`)."""
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
        for name in _others(package):
            made.writestr(name, read_part(package, name, KIND))
        for place, name in enumerate(names, 1):
            made.writestr(f"{_SLIDES}slide{place}.xml", _slide(package, name))
            beside = posixpath.join(posixpath.dirname(name), "_rels", posixpath.basename(name) + ".rels")
            if beside in package.NameToInfo:
                made.writestr(f"{_SLIDES}_rels/slide{place}.xml.rels", read_part(package, beside, KIND))
    return out.getvalue()


def _others(package: zipfile.ZipFile) -> Iterator[str]:
    """The parts that are neither slides nor pictures."""
    return (name for name in dict.fromkeys(package.namelist()) if name != _LINKS and not name.startswith(_NOT_KEPT))


def _slide(package: zipfile.ZipFile, name: str) -> bytes:
    """A slide without what runs through all of them: its date, its foot and its number."""
    slide = read_xml(package, name, KIND)
    for place in list(slide.iter("{*}ph")):
        shape = next(place.iterancestors("{*}sp"), None)
        around = shape.getparent() if shape is not None else None
        if place.get("type") in _RUNNING and shape is not None and around is not None:
            around.remove(shape)
    return etree.tostring(slide)
