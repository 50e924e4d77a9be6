"""What can be asked beside questions, as the page offers it: a command is picked, or typed after a slash."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from chat.texts import texts
from rag.answering.answer import Language
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
    """The task that a message names, in either language, and the rest of it; a question names none."""
    names = {texts(language)["tasks"][task]["name"]: task for language in Language for task in Task}
    if command:
        return names.get(command), content
    first, _, rest = content.partition(" ")
    task = names.get(first[1:]) if first.startswith("/") else None
    return task, rest if task else content


def length_in(text: str) -> tuple[str, Length]:
    """A length that is told after the last comma or semicolon, in either language, and the rest of the text."""
    names = {name: length for language in Language for length, name in _lengths(language)}
    head, _, last = text.replace(";", ",").rpartition(",")
    length = names.get(last.strip().casefold())
    return (head, length) if head.strip() and length else (text, Length.MEDIUM)


def _lengths(language: Language) -> list[tuple[Length, str]]:
    return [(length, texts(language)["lengths"][length]) for length in Length]
