"""What a cell's style hides from its reader."""

import pytest
from lxml import etree
from openpyxl.styles import Font, GradientFill, PatternFill
from openpyxl.styles.colors import COLOR_INDEX, Color

from rag.parsing.cell_looks import BLACK, WHITE, Palette, Veil, shows_nothing

THEME = """<a:theme xmlns:a="urn:a"><a:clrScheme><a:dk1><a:sysClr val="windowText" lastClr="000000"/></a:dk1>
<a:lt1><a:sysClr val="window" lastClr="FFFFFF"/></a:lt1><a:accent1><a:srgbClr val="4472C4"/></a:accent1></a:clrScheme>
</a:theme>"""
PALETTE = Palette(COLOR_INDEX, etree.fromstring(THEME))


def solid(colour: Color | str) -> PatternFill:
    return PatternFill("solid", fgColor=colour)


@pytest.mark.parametrize(
    ("font", "fill", "expected"),
    [
        (Font(), PatternFill(), Veil.NONE),
        (Font(color="FFFFFFFF"), PatternFill(), Veil.WHITE),
        (Font(color="00FFFFFF"), PatternFill(), Veil.WHITE),
        (Font(color="FFFDFDFD"), PatternFill(), Veil.WHITE),
        (Font(color="FFDDDDDD"), PatternFill(), Veil.NONE),
        (Font(color=Color(indexed=1)), PatternFill(), Veil.WHITE),
        (Font(color=Color(indexed=64)), PatternFill(), Veil.NONE),
        (Font(color=Color(theme=0)), PatternFill(), Veil.WHITE),
        (Font(color=Color(theme=1)), PatternFill(), Veil.NONE),
        (Font(color=Color(theme=1, tint=1.0)), PatternFill(), Veil.WHITE),
        (Font(color=Color(theme=99)), PatternFill(), Veil.NONE),
        (Font(color="FFFFFFFF"), solid("FF1F4E78"), Veil.NONE),
        (Font(color="FF1F4E78"), solid("FF1F4E78"), Veil.WHOLE),
        (Font(color="FFFFFFFF"), solid("FFFFFFFF"), Veil.WHOLE),
        (Font(color=Color(theme=4)), solid("FF4472C4"), Veil.WHOLE),
        (Font(color=Color(theme=4, tint=0.8)), solid(Color(theme=4, tint=0.8)), Veil.WHOLE),
        (Font(color=Color(theme=4)), solid(Color(theme=4, tint=0.8)), Veil.NONE),
        (Font(), solid("FF000000"), Veil.WHOLE),
        (Font(color="FFFFFFFF"), PatternFill("darkGrid"), Veil.NONE),
        (Font(color="FFFFFFFF"), GradientFill(stop=("FF000000", "FF0000FF")), Veil.NONE),
        (Font(sz=1), PatternFill(), Veil.WHOLE),
        (Font(sz=6), PatternFill(), Veil.NONE),
        (None, None, Veil.NONE),
    ],
)
def test_letters_of_the_colour_of_their_ground_and_tiny_ones_are_hidden(
    font: Font | None, fill: PatternFill | None, expected: Veil
) -> None:
    assert PALETTE.veil(font, fill) is expected


def test_without_a_theme_the_first_two_colours_are_white_and_black() -> None:
    palette = Palette(COLOR_INDEX, None)
    assert (palette.rgb(Color(theme=0), BLACK), palette.rgb(Color(theme=1), WHITE)) == (WHITE, BLACK)


@pytest.mark.parametrize(
    ("form", "hidden"),
    [
        (";;;", [1, -1, 0, "a", True]),
        (";;", [1, -1, 0]),
        ("0;-0;;@", [0]),
        ("0;", [-1]),
        ('"";"";"";""', []),
        ("General", []),
        ("", []),
        ('0";"0', []),
        ("0\\;", []),
    ],
)
def test_a_format_hides_the_values_whose_section_is_empty(form: str, hidden: list[object]) -> None:
    assert [value for value in (1, -1, 0, "a", True) if shows_nothing(value, form)] == [
        value for value in (1, -1, 0, "a", True) if any(value is other for other in hidden)
    ]
