"""What the pages point to is there: files, commands, settings."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from chat.admin.cli import application
from chat.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("README*"), *(ROOT / "docs").rglob("*.md"), ROOT / "data" / "README.md"])
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)(?:#[^)\s]*)?\)")
COMMAND = re.compile(r"(?<!\")\bhuisclos((?: [a-z][a-z0-9-]*)+)")  # in quotes it is a label of a format


def named_commands(found: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command and group by the words that name it."""
    for name, command in getattr(found, "commands", {}).items():
        yield (*path, name)
        yield from named_commands(command, (*path, name))


COMMANDS = set(named_commands(typer.main.get_command(application)))
GROUPS = {path[:-1] for path in COMMANDS if len(path) > 1}
LEAVES = {path for path in COMMANDS if path not in GROUPS}


def settings(model: type[BaseModel] = Settings, path: str = "") -> Iterator[str]:
    """Every setting by its dotted name."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from settings(kind, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def is_command(words: tuple[str, ...]) -> bool:
    """Whether the words begin with a command, or name a group."""
    return words in GROUPS or any(words[: len(path)] == path for path in LEAVES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    missing = [target for target in LINK.findall(page.read_text()) if not (page.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_shows_exists(page: Path) -> None:
    shown = {tuple(words.split()) for code in _code(page) for words in COMMAND.findall(code)}
    assert [words for words in sorted(shown) if not is_command(words)] == []


@pytest.mark.parametrize("path", sorted(LEAVES), ids=" ".join)
def test_every_command_stands_on_the_page_of_commands(path: tuple[str, ...]) -> None:
    assert f"`huisclos {' '.join(path)}" in (ROOT / "docs" / "commands.md").read_text()


def test_the_page_of_settings_has_every_setting_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(settings())


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("server.host", Settings().server.host),
        ("server.port", Settings().server.port),
        ("models.context_tokens", Settings().models.context_tokens),
        ("models.queue_max", Settings().models.queue_max),
    ],
)
def test_the_page_of_settings_tells_the_true_default(name: str, default: object) -> None:
    assert f"| `{name}` | `{default}` |" in (ROOT / "docs" / "settings.md").read_text()


def _code(page: Path) -> list[str]:
    """What a page shows as code: between backticks, and in indented lines."""
    text = page.read_text()
    return [*re.findall(r"`([^`\n]+)`", text), *re.findall(r"^ {4,}(.*)$", text, re.MULTILINE)]
