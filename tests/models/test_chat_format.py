"""Each chat format lays a conversation out as the makers of its weights publish it."""

import pytest

from models.chat_format import FORMATS, Message

TALK = (
    Message("system", "SYS"),
    Message("user", "ASK"),
    Message("assistant", "SAID"),
    Message("user", "AGAIN"),
)
PUBLISHED = {
    "chatml": (
        "<|im_start|>system\nSYS<|im_end|>\n<|im_start|>user\nASK<|im_end|>\n<|im_start|>assistant\nSAID<|im_end|>\n"
        "<|im_start|>user\nAGAIN<|im_end|>\n<|im_start|>assistant\n"
    ),
    "qwen3": (
        "<|im_start|>system\nSYS<|im_end|>\n<|im_start|>user\nASK<|im_end|>\n<|im_start|>assistant\nSAID<|im_end|>\n"
        "<|im_start|>user\nAGAIN<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    ),
    "mistral": "<s>[SYSTEM_PROMPT]SYS[/SYSTEM_PROMPT][INST]ASK[/INST]SAID</s>[INST]AGAIN[/INST]",
    "gemma": (
        "<bos><start_of_turn>user\nSYS\n\nASK<end_of_turn>\n<start_of_turn>model\nSAID<end_of_turn>\n"
        "<start_of_turn>user\nAGAIN<end_of_turn>\n<start_of_turn>model\n"
    ),
    "llama3": (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nSYS<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nASK<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nSAID<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nAGAIN<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
}


def test_every_format_is_compared_with_its_published_layout() -> None:
    assert set(PUBLISHED) == set(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_a_conversation_is_laid_out_as_published(name: str) -> None:
    assert "".join(piece.text for piece in FORMATS[name].pieces(TALK)) == PUBLISHED[name]


@pytest.mark.parametrize("name", FORMATS)
def test_what_people_write_is_never_control_text(name: str) -> None:
    pieces = list(FORMATS[name].pieces(TALK))
    assert [piece.text for piece in pieces if not piece.is_control] == [message.content for message in TALK]


@pytest.mark.parametrize("name", FORMATS)
def test_only_the_opening_system_message_is_public(name: str) -> None:
    later = (Message("user", "ASK"), Message("system", "LATER"), Message("user", "AGAIN"))
    public = [piece.text for piece in FORMATS[name].pieces(TALK) if piece.is_public and not piece.is_control]
    assert public == ["SYS"]
    assert not any(piece.is_public for piece in FORMATS[name].pieces(later) if not piece.is_control)
    flags = [piece.is_public for piece in FORMATS[name].pieces(TALK)]
    assert flags == sorted(flags, reverse=True)
