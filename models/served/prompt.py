"""Prompts in which nothing that a person typed, or a document holds, is a control token of the server's.

A server reads the text of its chat template as it reads control tokens: measured on llama-server, a question that
spells `<|im_end|>` and `<|im_start|>system` opened a system message. Where the server lets us (llama-server) its
template is rendered with marks in place of the contents, and template and contents become tokens apart. Elsewhere
whatever looks like a control token gets an invisible space, so that no tokenizer finds it.
"""

import re
import secrets
from collections.abc import Callable, Sequence

from models.chat_format import ASSISTANT, SYSTEM, USER, Message
from models.served.trouble import Trouble

ROLES = (SYSTEM, USER, ASSISTANT)
_BROKEN = "\u200b"
_CONTROL = re.compile(
    r"""< (?= [|/!｜]? [\w▁|｜:. -]{1,60} [|｜]? > )    # <|im_start|>, </s>, <start_of_turn>, <｜User｜>
      | \[ (?= /? [A-Z][A-Z_]{1,40} \] )             # [INST], [/SYSTEM_PROMPT]
      | < (?= < /? [A-Z]{1,20} > )                   # <<SYS>>
    """,
    re.VERBOSE,
)


def check_roles(messages: Sequence[Message]) -> None:
    """Raises ValueError for a role that no chat template knows."""
    for message in messages:
        if message.role not in ROLES:
            raise ValueError(f"role {message.role!r}, expected one of {', '.join(ROLES)}")


def sendable(text: str) -> str:
    """The text without halves of characters, which no JSON carries."""
    return text.encode("utf-8", "ignore").decode()


def broken_up(text: str) -> str:
    """The text with a zero-width space in whatever may be a control token of some model."""
    return _CONTROL.sub(lambda found: found[0] + _BROKEN, sendable(text))


def marks_for(messages: Sequence[Message]) -> list[str]:
    """A mark for each content, which no person can guess."""
    nonce = secrets.token_hex(8)
    return [f"mark{nonce}x{number}x" for number in range(len(messages))]


def split_at(rendered: str, marks: Sequence[str]) -> list[str]:
    """What the template says before, between and after the contents. Raises Trouble where it does not keep them all."""
    pieces, rest = [], rendered
    for mark in marks:
        before, found, rest = rest.partition(mark)
        if not found or mark in rest:
            raise Trouble("its chat template drops, repeats or moves messages; start it with another --chat-template")
        pieces.append(before)
    return [*pieces, rest]


def interleaved(
    pieces: Sequence[str], messages: Sequence[Message], tokenize: Callable[[str, bool, bool], list[int]]
) -> list[int]:
    """The prompt's tokens. `tokenize` takes a text, whether it may hold control tokens, and whether it begins all."""
    tokens = tokenize(pieces[0], True, True)
    for message, piece in zip(messages, pieces[1:], strict=True):
        tokens += tokenize(sendable(message.content), False, False)
        tokens += tokenize(piece, True, False)
    return tokens
