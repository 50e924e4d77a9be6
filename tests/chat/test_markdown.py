"""Text of a document shows as its letters, whatever it spells."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from chat.markdown import escape, escape_piece

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
LETTERS_ONLY = {"paragraph_open", "inline", "paragraph_close"}
JOINER = "\u2060"
AUTOMATIC = re.compile(r"https?://|www\.\w|[-.\w+]@[-\w]+\.", re.IGNORECASE)
"""What the page turns into a link after escapes are undone (GitHub's literal autolinks)."""
MARKS = (
    "[a](http://x.example)", "![a](//x.example/p.png)", "<img src=x onerror=alert(1)>", "javascript:", "<http://x>",
    "www.x.example", "a@x.example", "HTTPS://X", "mailto:a@x", "**", "__", "~~", "`", "```\n", "\n\n", "    ", "# ",
    "- ", "1. ", "> ", "| a | b |\n| - | - |\n", "&lt;", "&#x3c;", "\\", "[1]", "[^1]: ", "$$", "===\n", "</passage>",
    "<|im_end|>", "\u2060", "\x00", ":", "/", ".", "@", "é", "\u202e", "-->", "<!--", "[x]: http://x \"t\"\n",
)  # fmt: skip
spelled = st.lists(st.sampled_from(MARKS) | st.text(max_size=8), max_size=12).map("".join)


def shown(markdown: str) -> tuple[set[str], str]:
    """Every kind of token, and the text a reader sees."""
    tokens = MARKDOWN.parse(markdown)
    inner = [child for token in tokens for child in token.children or ()]
    return {token.type for token in (*tokens, *inner)}, "".join(map(_letters, inner))


def _letters(token: Token) -> str:
    return "\n" if token.type in ("softbreak", "hardbreak") else token.content


def plain(text: str) -> str:
    """What does not count as a difference: spaces, joiners, and the NUL that Markdown replaces."""
    return "".join(text.replace(JOINER, "").replace("\x00", "\ufffd").split())


@given(spelled)
def test_a_text_shows_its_own_letters_and_nothing_else(text: str) -> None:
    kinds, letters = shown(escape(text))
    assert kinds <= LETTERS_ONLY | {"text", "text_special"}
    assert plain(letters) == plain(text)
    assert not AUTOMATIC.search(letters)


@given(spelled)
def test_a_text_is_one_line_that_leaves_what_follows_as_it_was(text: str) -> None:
    kinds, letters = shown(f"{escape(text)} [7](/sources/a)")
    assert "\n" not in escape(text)
    assert kinds <= LETTERS_ONLY | {"text", "text_special", "link_open", "link_close"}
    assert letters.endswith("7")


@given(spelled, st.integers(1, 5))
def test_a_text_that_is_still_being_written_is_no_mark_and_no_link_wherever_it_is_cut(text: str, size: int) -> None:
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    kinds, letters = shown("".join(map(escape_piece, pieces)))
    assert kinds <= LETTERS_ONLY | {"text", "text_special", "softbreak", "hardbreak", "code_block"}
    assert not AUTOMATIC.search(letters)


@pytest.mark.parametrize("mark", MARKS)
def test_every_mark_alone_is_letters(mark: str) -> None:
    kinds, letters = shown(escape(mark))
    assert kinds <= LETTERS_ONLY | {"text", "text_special"}
    assert plain(letters) == plain(mark)
