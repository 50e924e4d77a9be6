"""How a conversation is laid out for the weights: small tables of control markers, ours.

The template inside a GGUF file is a program that came with the data, so it is never run. Each table follows the
format that the makers of the weights publish; `huisclos models add` proposes one by the markers in the vocabulary.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

SYSTEM, USER, ASSISTANT = "system", "user", "assistant"


@dataclass(frozen=True, slots=True)
class Message:
    """A turn of the prompt; `role` is "system", "user" or "assistant"."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the prompt: control text of ours, or plain text in which nothing is a control token.

    `is_public` holds up to the end of the opening system message: the only part that people share.
    """

    text: str
    is_control: bool
    is_public: bool


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """Markers around each turn. `marker` is a control token that only weights of this format have.

    With `is_system_in_user` the system message opens the first user turn, which then has no opening of its own.
    """

    name: str
    marker: str
    begin: str
    turns: Mapping[str, tuple[str, str]]
    reply: str
    is_system_in_user: bool = False

    def pieces(self, messages: Sequence[Message]) -> Iterator[Piece]:
        """The prompt up to where the answer begins; raises ValueError for a role that no table knows."""
        yield Piece(self.begin, is_control=True, is_public=True)
        opened = False
        for place, message in enumerate(messages):
            if message.role not in self.turns:
                raise ValueError(f"role {message.role!r}, expected one of {', '.join(self.turns)}")
            before, after = self.turns[message.role]
            is_public = place == 0 and message.role == SYSTEM
            yield Piece("" if opened else before, is_control=True, is_public=is_public)
            yield Piece(message.content, is_control=False, is_public=is_public)
            yield Piece(after, is_control=True, is_public=is_public)
            opened = self.is_system_in_user and message.role == SYSTEM
        yield Piece(self.reply, is_control=True, is_public=False)


def _chatml(name: str, reply: str = "") -> ChatFormat:
    turns = {role: (f"<|im_start|>{role}\n", "<|im_end|>\n") for role in (SYSTEM, USER, ASSISTANT)}
    return ChatFormat(name, "<|im_start|>", "", turns, f"<|im_start|>assistant\n{reply}")


def _header(role: str) -> str:
    return f"<|start_header_id|>{role}<|end_header_id|>\n\n"


FORMATS: Mapping[str, ChatFormat] = {
    layout.name: layout
    for layout in (
        _chatml("chatml"),
        # Qwen3 reasons at length unless its thought is given as empty.
        _chatml("qwen3", "<think>\n\n</think>\n\n"),
        ChatFormat(
            "mistral",
            "[SYSTEM_PROMPT]",
            "<s>",
            {
                SYSTEM: ("[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"),
                USER: ("[INST]", "[/INST]"),
                ASSISTANT: ("", "</s>"),
            },
            "",
        ),
        ChatFormat(
            "gemma",
            "<start_of_turn>",
            "<bos>",
            {
                SYSTEM: ("<start_of_turn>user\n", "\n\n"),
                USER: ("<start_of_turn>user\n", "<end_of_turn>\n"),
                ASSISTANT: ("<start_of_turn>model\n", "<end_of_turn>\n"),
            },
            "<start_of_turn>model\n",
            is_system_in_user=True,
        ),
        ChatFormat(
            "llama3",
            "<|start_header_id|>",
            "<|begin_of_text|>",
            {role: (_header(role), "<|eot_id|>") for role in (SYSTEM, USER, ASSISTANT)},
            _header(ASSISTANT),
        ),
    )
}
"""By name: chatml (Qwen2.5 and many others), qwen3, mistral (from v7), gemma (3), llama3 (and 3.x)."""
