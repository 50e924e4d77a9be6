"""Our own pages: Jinja2 templates, everything escaped."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_pages = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)


def render(template: str, /, **values: Any) -> str:
    """The template with `values`; one that is missing is an error."""
    return _pages.get_template(template).render(**values)
