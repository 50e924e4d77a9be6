"""Lines over growing sizes as an SVG: one panel a kind, ours and the baseline, axes logarithmic, or linear from 0."""

import math
from dataclasses import dataclass, field
from html import escape

_WIDTH, _HEIGHT, _LEFT, _TOP, _BELOW = 300, 170, 52, 34, 30
_COLUMNS = 2
_WHOLE_FROM = 100
_OURS, _BASELINE, _QUIET = "#1f5fbf", "#b3541e", "#777"


@dataclass(frozen=True, slots=True)
class Panel:
    """One kind of figure; points are (size, ours, baseline)."""

    title: str
    unit: str
    points: list[tuple[int, float, float]] = field(default_factory=list)


def plot(title: str, panels: list[Panel], *, is_linear: bool = False) -> str:
    """The picture. Figures that are not above zero are left out. Linear axes tell numbers at their ends only."""
    wide, high = _WIDTH + _LEFT + 16, _HEIGHT + _TOP + _BELOW
    lines = math.ceil(len(panels) / _COLUMNS)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide * _COLUMNS} {high * lines + 40}" '
        f'font-family="system-ui, sans-serif" font-size="11" role="img" aria-label="{escape(title)}">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="12" y="22" font-size="14">{escape(title)}: '
        f'<tspan fill="{_OURS}">ours</tspan>, <tspan fill="{_BASELINE}">the baseline</tspan></text>',
    ]
    for number, panel in enumerate(panels):
        x, y = (number % _COLUMNS) * wide, (number // _COLUMNS) * high + 36
        parts.append(f'<g transform="translate({x},{y})">{"".join(_panel(panel, is_linear))}</g>')
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel, is_linear: bool) -> list[str]:
    scale = float if is_linear else math.log10
    sizes = [scale(size) for size, _, _ in panel.points]
    values = [scale(value) for _, ours, baseline in panel.points for value in (ours, baseline) if value > 0]
    left = 0.0 if is_linear else sizes[0]
    bottom, top = (0.0, 1.2 * max(values)) if is_linear else _around(min(values), max(values))

    def place(size: float, value: float) -> tuple[float, float]:
        across = (scale(size) - left) / ((sizes[-1] - left) or 1)
        up = (scale(value) - bottom) / (top - bottom)
        return _LEFT + 14 + across * (_WIDTH - 28), _TOP + (1 - up) * _HEIGHT

    frame = f'<rect x="{_LEFT}" y="{_TOP}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#ccc"/>'
    unit = f" ({panel.unit})" if panel.unit else ""
    parts = [frame, f'<text x="{_LEFT}" y="{_TOP - 8}">{escape(panel.title + unit)}</text>']
    told = [panel.points[0], panel.points[-1]] if is_linear else panel.points
    for size, ours, baseline in told:
        x = place(size, max(ours, baseline))[0]
        parts.append(_label(x, _TOP + _HEIGHT + 14, f"{size:,}", _QUIET, "middle"))
    for side, colour, above in ((1, _OURS, -6), (2, _BASELINE, 14)):
        shown = [point for point in panel.points if point[side] > 0]
        parts += _line([place(point[0], point[side]) for point in shown], colour, has_dots=not is_linear)
        for point in (point for point in told if point[side] > 0):
            x, y = place(point[0], point[side])
            parts.append(_label(x, y + above, _figure(point[side]), colour, "middle"))
    return parts


def _around(low: float, high: float) -> tuple[float, float]:
    """A range with room above and below, never so narrow that noise looks like a trend."""
    middle, reach = (low + high) / 2, max(high - low, 0.6) * 0.6
    return middle - reach, middle + reach


def _line(points: list[tuple[float, float]], colour: str, *, has_dots: bool) -> list[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in points if has_dots]
    return [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>', *dots]


def _label(x: float, y: float, text: str, colour: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{escape(text)}</text>'


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= _WHOLE_FROM else f"{value:.3g}"
