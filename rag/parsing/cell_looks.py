"""What the style of a workbook's cell hides: a font of the colour of its ground, tiny letters, a format of nothing."""

import colorsys
import re
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Any

from lxml.etree import _Element as Element

Rgb = tuple[float, float, float]
"""Red, green, blue, each 0 to 1."""
BLACK, WHITE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
NEAR = 0.06
"""Colours that differ by less in each part cannot be told apart on a screen."""
TINY_POINTS = 2.0
_THEME = ("lt1", "dk1", "lt2", "dk2", *(f"accent{number}" for number in range(1, 7)), "hlink", "folHlink")
"""The order in which cells count the colours of a theme. ECMA-376 part 1, 18.8.3 and 20.1.6.2."""
_OFFICE = {"lt1": WHITE, "dk1": BLACK}
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})?([0-9A-Fa-f]{6})$")
_LITERAL = re.compile(r'"[^"]*"|\\.|[_*].')
_SECTIONS = 4


class Veil(Enum):
    """How a style hides a cell. WHITE is a white font on no ground of its own: what lies under it may be coloured."""

    NONE = auto()
    WHITE = auto()
    WHOLE = auto()


class Palette:
    """The colours of a workbook as red, green and blue."""

    def __init__(self, indexed: Sequence[str], theme: Element | None) -> None:
        self._indexed = indexed
        self._theme = {**_OFFICE, **(_themed(theme) if theme is not None else {})}

    def rgb(self, colour: Any, other: Rgb) -> Rgb:
        """A colour of openpyxl; `other` where there is none, or one that the system chooses."""
        kind = getattr(colour, "type", None)
        if kind == "theme":
            name = _THEME[colour.theme] if 0 <= colour.theme < len(_THEME) else ""
            return _tinted(self._theme.get(name, other), colour.tint or 0.0)
        if kind == "indexed":
            text = self._indexed[colour.indexed] if 0 <= colour.indexed < len(self._indexed) else ""
        else:
            text = colour.rgb if kind == "rgb" else ""
        return _tinted(_parsed(text) or other, getattr(colour, "tint", 0.0) or 0.0)

    def veil(self, font: Any, fill: Any) -> Veil:
        """How a font on a fill hides what is written."""
        if font is None:
            return Veil.NONE
        pattern = getattr(fill, "patternType", None) or "none"
        ground = self.rgb(fill.fgColor, WHITE) if pattern == "solid" else None
        is_patterned = pattern not in {"none", "solid"} or getattr(fill, "tagname", "") == "gradientFill"
        return veil_of(font.sz, self.rgb(font.color, BLACK), ground, is_patterned=is_patterned)


def veil_of(points: float | None, letters: Rgb, ground: Rgb | None, *, is_patterned: bool = False) -> Veil:
    """How letters of a size and a colour are hidden by their ground; it is None for a cell that has none of its own."""
    if points is not None and points <= TINY_POINTS:
        return Veil.WHOLE
    if ground is not None:
        return Veil.WHOLE if _are_near(letters, ground) else Veil.NONE
    return Veil.WHITE if not is_patterned and _are_near(letters, WHITE) else Veil.NONE


def shows_nothing(value: object, form: str) -> bool:
    """Whether a format leaves this value's section empty, as `;;;` does for all. ECMA-376 part 1, 18.8.31.

    One section serves every number, two part those below zero off, three zero too; the fourth is for text.
    """
    sections = _sections(form)
    if len(sections) == 1:
        return False
    if isinstance(value, str | bool):
        return len(sections) >= _SECTIONS and not sections[_SECTIONS - 1]
    number = value if isinstance(value, int | float) else 1
    place = 0 if number > 0 else 1 if number < 0 else 2
    return not sections[place if place < len(sections) else 0]


def has_empty_section(form: str) -> bool:
    """Whether there are values of which a format shows nothing."""
    return ";" in form and not all(_sections(form))


def _sections(form: str) -> list[str]:
    return [section.strip() for section in _LITERAL.sub("x", form).split(";")]


def _themed(theme: Element) -> Mapping[str, Rgb]:
    found = {}
    for name in _THEME:
        for colour in theme.iterfind(f".//{{*}}clrScheme/{{*}}{name}/*"):
            rgb = _parsed(colour.get("lastClr") or colour.get("val") or "")
            if rgb is not None:
                found[name] = rgb
    return found


def _parsed(text: object) -> Rgb | None:
    """`RRGGBB` with or without an alpha before it."""
    match = _HEX.match(text) if isinstance(text, str) else None
    if match is None:
        return None
    red, green, blue = bytes.fromhex(match.group(1))
    return red / 255, green / 255, blue / 255


def _tinted(rgb: Rgb, tint: float) -> Rgb:
    """Lighter for a tint above 0, darker below. ECMA-376 part 1, 18.8.19."""
    if not tint:
        return rgb
    hue, light, full = colorsys.rgb_to_hls(*rgb)
    light = light * (1 + tint) if tint < 0 else light * (1 - tint) + tint
    return colorsys.hls_to_rgb(hue, min(max(light, 0.0), 1.0), full)


def _are_near(one: Rgb, other: Rgb) -> bool:
    return all(abs(first - second) < NEAR for first, second in zip(one, other, strict=True))
