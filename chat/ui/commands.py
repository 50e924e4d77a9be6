"""What can be asked beside questions, as the page offers it: a command is picked, or typed after a slash."""

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from chat.texts import texts
from rag.answering.answer import Language
from rag.retrieval.words import fold
from rag.tasks.work import Length, Task

if TYPE_CHECKING:
    from chainlit.types import CommandDict

_ICONS = {
    Task.LIST: "list",
    Task.SUMMARISE: "scroll-text",
    Task.COMPARE: "columns-2",
    Task.TRANSLATE: "languages",
    Task.DRAFT: "mail",
    Task.WITHOUT_DOCUMENTS: "message-circle-off",
}
_SLASHED = re.compile(r"\s*/([^\W\d_]+(?:-[^\W\d_]+)*)(?:\s+|$)")
"""A word of letters after a slash, and nothing glued to it: a path is none."""
NEAR = 0.6
"""How alike (0 to 1) a word and the name of a command are, where the one may be meant for the other: `/liste`."""


def offered(words: dict[str, Any], allowed: Iterable[Task]) -> "list[CommandDict]":
    """The commands in the person's language, for the tasks that are allowed."""
    return [
        {
            "id": words["tasks"][task]["name"],
            "description": words["tasks"][task]["description"],
            "icon": _ICONS[task],
            "button": False,
            "persistent": False,
            "selected": False,
        }
        for task in allowed
    ]


def asked_for(command: str | None, content: str) -> tuple[Task | None, str]:
    """The task that a message names, in either language, and the rest of it; a question names none.

    Accents and capitals do not matter.
    """
    names = _names(Task)
    if command:
        return names.get(fold(command)), content
    slashed = _SLASHED.match(content)
    task = names.get(fold(slashed[1])) if slashed else None
    return (task, content[slashed.end() :]) if slashed and task else (None, content)


def meant_by(content: str, allowed: Collection[Task]) -> tuple[str, Task, str] | None:
    """The word after a slash that names no task, the allowed one whose name is nearest to it, and the rest.

    None where nothing stands after a slash, or nothing that is near: it is a question.
    """
    slashed = _SLASHED.match(content)
    if slashed is None:
        return None
    names = _names(allowed)
    near = get_close_matches(fold(slashed[1]), names, n=1, cutoff=NEAR)
    return (slashed[1], names[near[0]], content[slashed.end() :]) if near else None


def length_in(text: str) -> tuple[str, Length]:
    """A length that is told after the last comma or semicolon, in either language, and the rest of the text."""
    names = {name: length for language in Language for length, name in _lengths(language)}
    head, _, last = text.replace(";", ",").rpartition(",")
    length = names.get(last.strip().casefold())
    return (head, length) if head.strip() and length else (text, Length.MEDIUM)


def is_yes(content: str) -> bool:
    """Whether a message says yes, in either language, and nothing else."""
    return fold(content).strip(" .!") in {texts(language)["yes"] for language in Language}


def _names(tasks: Iterable[Task]) -> dict[str, Task]:
    """What tasks are called in either language, as names are compared."""
    return {fold(texts(language)["tasks"][task]["name"]): task for task in tasks for language in Language}


def _lengths(language: Language) -> list[tuple[Length, str]]:
    return [(length, texts(language)["lengths"][length]) for length in Length]
