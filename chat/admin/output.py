"""What commands print: tables and answers for people, JSON for programs. Texts of documents cannot steer a terminal."""

import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from chat.admin.jsonlines import json_line

Event = dict[str, Any]

WIDTH_UNSEEN = 10_000
"""In a file or a pipe nothing is cut to the width of a screen."""

console = Console(width=None if sys.stdout.isatty() else WIDTH_UNSEEN)
errors = Console(stderr=True)

UNWRITTEN = {
    "model_away": "no model is there to write: `huisclos doctor` says why",
    "model_failed": "the model failed before the end: run the command again",
    "model_busy": "as many as may wait for the model do already: run the command again in a moment",
    "model_context": "that is more than the model holds at once: ask more briefly, or raise `models.context_tokens`",
}
"""Why the model did not write an answer, or a task, to its end."""

_STEERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters and changes of direction: a title must not move the cursor or hide what stands beside it."""


def safe(text: object) -> str:
    """The text without characters that a terminal obeys."""
    return _STEERS.sub("\N{REPLACEMENT CHARACTER}", str(text))


def say(text: str) -> None:
    """One sentence on standard output."""
    console.print(safe(text), markup=False, highlight=False, soft_wrap=True)


def note(text: str) -> None:
    """One sentence on standard error, beside the result."""
    errors.print(safe(text), markup=False, highlight=False, soft_wrap=True)


def show_json(event: Mapping[str, Any]) -> None:
    """One JSON object on a line of its own, at once."""
    print(json_line(event), end="", flush=True)


def show(rows: Iterable[Event], as_json: bool, when_empty: str = "nothing to list") -> None:
    """Rows as JSON lines as they come, or as one table."""
    if as_json:
        for row in rows:
            show_json(row)
        return
    listed = list(rows)
    if not listed:
        note(when_empty)
        return
    table = Table(*listed[0], box=None, header_style="bold", pad_edge=False)
    for row in listed:
        table.add_row(*(_cell(value) for value in row.values()))
    console.print(table, markup=False, highlight=False)


def show_fields(fields: Mapping[str, Any]) -> None:
    """The fields of one thing, a line each."""
    for name, value in fields.items():
        console.print(f"{name}: {_cell(value)}", markup=False, highlight=False, soft_wrap=True)


def show_answer(answer: Event) -> None:
    """An answer for people: sentences with the numbers of their sources, then the sources with their quotes."""
    if answer["quoted"]:
        say("no answer that was written could be checked; the nearest passage says:")
    say(" ".join(map(_marked, answer["sentences"])) or answer["answer"])
    for item in answer["citations"]:
        say(f"[{item['n']}] {item['title']}, {place(item)}: « {_in_short(item['quote'])} »")
    for item in answer["nearest"]:
        say(f"  nearest: {place(item)}: {_in_short(item['quote'] or item['text'])}")
    if answer["reason"] in UNWRITTEN:
        note(UNWRITTEN[answer["reason"]])


def _marked(sentence: Mapping[str, Any]) -> str:
    marks = "".join(f" [{number}]" for number in sentence["citations"])
    return (
        f"{sentence['text']}{marks}" if sentence["supported"] else f"{sentence['text']}{marks} [{_doubted(sentence)}]"
    )


def _doubted(sentence: Mapping[str, Any]) -> str:
    """Why a sentence is not supported: what of it the passages do not say, or what it is computed from."""
    whys = [why for why in sentence["why"] if why["text"]]
    if whys and all(why["operands"] for why in whys):
        return ", ".join(f"{why['text']} computed from {' and '.join(why['operands'])}" for why in whys)
    return ": ".join(filter(None, ("no source", ", ".join(f"{why['doubt']} {why['text']}" for why in whys))))


def place(item: Mapping[str, Any]) -> str:
    """The document of a passage, with its page."""
    return f"{item['doc']} p. {item['page']}" if item["page"] else str(item["doc"])


def _in_short(text: str, characters_max: int = 300) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= characters_max else f"{joined[:characters_max]}…"


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{name} {_cell(item)}" for name, item in value.items())
        case list() | tuple():
            return "; ".join(_cell(item) for item in value)
    return safe(value)
