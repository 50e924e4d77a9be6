"""What a stream of a server's events says: text, how many tokens it has, how probable each was, and how it ended."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from models.served.prompt import sendable
from models.served.trouble import Trouble

TOKEN_CHARACTERS_MAX = 512
"""The longest tokens of known vocabularies have 128 characters of the same sign."""
EVENTS_A_TOKEN_MAX = 4
EVENTS_BESIDE_MAX = 64


@dataclass(frozen=True, slots=True)
class Piece:
    """One event. `written` counts the tokens so far, where the server says; `reason` is set at the end."""

    text: str
    logprobs: tuple[float, ...] = ()
    written: int | None = None
    reason: str | None = None


def pieces(events: Iterable[Mapping[str, Any]], max_tokens: int) -> Iterator[Piece]:
    """The events as pieces. Raises Trouble for one of another shape, and for more than was asked for."""
    characters = number = 0
    for number, event in enumerate(events):
        piece = piece_of(event)
        characters += len(piece.text)
        is_too_long = characters > max_tokens * TOKEN_CHARACTERS_MAX
        if is_too_long or number > max_tokens * EVENTS_A_TOKEN_MAX + EVENTS_BESIDE_MAX:
            raise Trouble("it sends more than was asked for; see what runs there")
        yield piece


def piece_of(event: Mapping[str, Any]) -> Piece:
    """One event of /v1/completions or /v1/chat/completions."""
    try:
        choice = (event.get("choices") or [{}])[0]
        text = choice.get("text") or (choice.get("delta") or {}).get("content") or ""
        told = (choice.get("logprobs") or {}).get("content") or ()
        logprobs = tuple(min(0.0, float(item["logprob"])) for item in told)
        reason = choice.get("finish_reason")
        counted = (event.get("usage") or {}).get("completion_tokens")
        written = counted if counted is not None else (event.get("timings") or {}).get("predicted_n")
        is_right = isinstance(text, str) and isinstance(reason, str | None) and isinstance(written, int | None)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        is_right = False
    if not is_right:
        raise Trouble("its answer has another shape than the OpenAI protocol's; see what runs there")
    return Piece(sendable(text), logprobs, written, reason)
