"""Our own pages: Jinja2 templates, everything escaped."""

from datetime import date
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from chat.texts import preferred, texts

_pages = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)


def day(written: str, words: dict[str, Any]) -> str:
    """A day of ISO 8601 as a reader writes it."""
    return date.fromisoformat(written).strftime(words["date"])


_pages.filters["day"] = day


def render(template: str, /, **values: Any) -> str:
    """The template with `values`; one that is missing is an error."""
    return _pages.get_template(template).render(**values)


def shown(request: Request, template: str, /, code: int = 200, **values: Any) -> HTMLResponse:
    """The page in the language that the browser asks for."""
    language = preferred(request.headers.get("accept-language", ""))
    return HTMLResponse(render(template, language=language.value, t=texts(language), **values), code)
