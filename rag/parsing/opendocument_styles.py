"""Which styles of an OpenDocument file hide what stands in them."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from lxml.etree import _Element as Element

PARENTS_MAX = 20
TINY_POINTS = 3.0
"""Text below this is not there to be read."""
ROW_POINTS_MIN = 2.0
"""Rows and columns below this show nothing."""
_NAMES = {
    "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
    "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
    "draw": "urn:oasis:names:tc:opendocument:xmlns:drawing:1.0",
    "style": "urn:oasis:names:tc:opendocument:xmlns:style:1.0",
    "fo": "urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0",
    "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
    "presentation": "urn:oasis:names:tc:opendocument:xmlns:presentation:1.0",
    "dc": "http://purl.org/dc/elements/1.1/",
}


def qualified(name: str) -> str:
    """`text:p` as lxml spells it."""
    prefix, _, local = name.partition(":")
    return f"{{{_NAMES[prefix]}}}{local}"


Key = tuple[str, str]
"""Family and name: two families may have styles of one name."""
_STYLED = {
    qualified(tag): (family, qualified(attribute))
    for tag, family, attribute in (
        ("text:p", "paragraph", "text:style-name"),
        ("text:h", "paragraph", "text:style-name"),
        ("text:span", "text", "text:style-name"),
        ("text:section", "section", "text:style-name"),
        ("table:table", "table", "table:style-name"),
        ("table:table-cell", "table-cell", "table:style-name"),
        ("table:table-row", "table-row", "table:style-name"),
        ("table:table-column", "table-column", "table:style-name"),
        ("draw:page", "drawing-page", "draw:style-name"),
    )
}
_DISPLAY, _SHEET_DISPLAY = qualified("text:display"), qualified("table:display")
_VISIBILITY, _SIZE = qualified("presentation:visibility"), qualified("fo:font-size")
_COLOUR, _BACKGROUND = qualified("fo:color"), qualified("fo:background-color")
_SIDES = (qualified("style:row-height"), qualified("style:column-width"))
_HIDDEN = {_DISPLAY: "none", _SHEET_DISPLAY: "false", _VISIBILITY: "hidden"}
_LOOKS = (*_HIDDEN, _SIZE, *_SIDES, _COLOUR, _BACKGROUND)
_LEAST = {_SIZE: TINY_POINTS, **dict.fromkeys(_SIDES, ROW_POINTS_MIN)}
_LENGTH = re.compile(r"(\d*\.?\d+)(pt|cm|mm|in|px)$")
_POINTS = {"pt": 1.0, "cm": 28.35, "mm": 2.835, "in": 72.0, "px": 0.75}
_CELL, _SPREADSHEET = qualified("table:table-cell"), qualified("office:spreadsheet")
_MAY_BE_COLOURED = (_CELL, f"{{{_NAMES['draw']}}}*")
"""What stands in a cell or a shape may stand on a colour, as in a Word file's table; a sheet's cells name theirs."""


@dataclass(frozen=True, slots=True)
class Styles:
    """The styles that hide, those that are white, and those that have a background."""

    hidden: frozenset[Key]
    white: frozenset[Key]
    shaded: frozenset[Key]

    def hide(self, element: Element) -> bool:
        """Whether an element's style hides it: not displayed, too small, or white where no colour can be behind it."""
        key = _key(element)
        if key is None or key in self.hidden or key not in self.white:
            return key in self.hidden
        return not (key in self.shaded or self._is_on_colour(element))

    def hide_cells_of(self, style: str) -> bool:
        """Whether what stands in cells of this style is not seen."""
        key = ("table-cell", style)
        return key in self.hidden or (key in self.white and key not in self.shaded)

    def _is_on_colour(self, element: Element) -> bool:
        around = next(element.iterancestors(*_MAY_BE_COLOURED), None)
        if around is not None and (around.tag != _CELL or next(around.iterancestors(_SPREADSHEET), None) is None):
            return True
        return any(_key(above) in self.shaded for above in element.iterancestors())


def read_styles(*roots: Element) -> Styles:
    """The styles below these elements, each with what it takes from its parents; of one name the last."""
    name, family = qualified("style:name"), qualified("style:family")
    found = {
        (style.get(family, ""), style.get(name, "")): style
        for root in roots
        for style in root.iter(qualified("style:style"))
    }
    looks = {key: _look(key, found) for key in found}
    return Styles(
        hidden=frozenset(key for key, look in looks.items() if _hides(look)),
        white=frozenset(key for key, look in looks.items() if look.get(_COLOUR, "").lower() == "#ffffff"),
        shaded=frozenset(key for key, look in looks.items() if look.get(_BACKGROUND, "transparent") != "transparent"),
    )


def _key(element: Element) -> Key | None:
    family, attribute = _STYLED.get(element.tag, ("", ""))
    return (family, element.get(attribute, "")) if family else None


def _look(key: Key, styles: Mapping[Key, Element]) -> dict[str, str]:
    look: dict[str, str] = {}
    for _ in range(PARENTS_MAX):
        style = styles.get(key)
        if style is None:
            break
        for properties in style.iterchildren("{*}*"):
            for name in _LOOKS:
                value = properties.get(name)
                if value is not None:
                    look.setdefault(name, value)
        key = (key[0], style.get(qualified("style:parent-style-name"), ""))
    return look


def _hides(look: Mapping[str, str]) -> bool:
    is_tiny = any(_points(look.get(name, "")) < least for name, least in _LEAST.items())
    colour = look.get(_COLOUR, "").lower()
    is_like_its_ground = bool(colour) and colour == look.get(_BACKGROUND, "").lower()
    return is_tiny or is_like_its_ground or any(look.get(name) == value for name, value in _HIDDEN.items())


def _points(length: str) -> float:
    """A length in points; without end where it is not said so."""
    match = _LENGTH.match(length)
    return float(match.group(1)) * _POINTS[match.group(2)] if match else math.inf
