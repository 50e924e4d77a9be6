"""Puts measured figures into a page: each between two marks of its own, what people wrote around them stays."""

import re
from pathlib import Path

PAGE = Path("docs/evaluation.md")


class MarkMissingError(Exception):
    """The page has no place for these figures."""


def put(page: Path, name: str, text: str) -> None:
    """Replace what stands between `<!-- NAME -->` and `<!-- end NAME -->`. Raises MarkMissingError."""
    begin, end = f"<!-- {name} -->", f"<!-- end {name} -->"
    written, count = re.subn(
        rf"(?<={re.escape(begin)}\n).*?(?=^{re.escape(end)}$)",
        lambda _: f"{text.rstrip()}\n",
        page.read_text(),
        count=1,
        flags=re.DOTALL | re.MULTILINE,
    )
    if not count:
        raise MarkMissingError(f"{page} has no lines {begin} and {end}; put them where the figures belong")
    page.write_text(written)


def block(table: str) -> str:
    """A table of fixed width as Markdown."""
    return f"```\n{table.rstrip()}\n```"
