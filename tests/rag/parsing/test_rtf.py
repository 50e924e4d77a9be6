"""Rich text keeps what its reader sees."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.parsing.rtf import visible


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (rb"seen {\deleted\revauthdel0 gone}too", rb"seen {\deleted\revauthdel0 }too"),
        (rb"{a \deleted gone\deleted0 b}c", rb"{a \deleted \deleted0 b}c"),
        (rb"{a \deleted gone\plain b}c", rb"{a \deleted \plain b}c"),
        (rb"\deleted g{\b o\'e9\u233?}\par", rb"\deleted {\b }\par"),
        (rb"{\fs2 tiny}{\fs24 seen}", rb"{\fs2 }{\fs24 seen}"),
        (rb"{\header running {\b head}}body{\footerf foot}", rb"{{}}body{}"),
        (rb"\fs2 tiny\plain seen", rb"\fs2 \plain seen"),
        (rb"\fs4 tiny\fs5 seen\fs seen", rb"\fs4 \fs5 seen\fs seen"),
        (rb"{\deleted\bin3 }}}x}y", rb"{\deleted}y"),
    ],
)
def test_deletions_tiny_letters_and_running_lines_are_left_out_until_their_group_ends(text: bytes, kept: bytes) -> None:
    assert visible(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        rb"{\rtf1\ansi a\'e9 \{deleted\} \\deleted \~ x}",
        rb"{\deletedx a}{\headery b}",
        b"",
        b"\\",
        rb"\bin2 {{x",
        b"}}}{a",
    ],
)
def test_what_is_seen_comes_back_as_it_is(text: bytes) -> None:
    assert visible(text) == text


def test_a_large_picture_and_deep_groups_cost_little() -> None:
    begin = time.monotonic()
    visible(rb"{\pict " + b"ab" * 5_000_000 + b"}" + b"{" * 100_000 + rb"\bin999999999 ")
    assert time.monotonic() - begin < 5


@given(st.binary(max_size=60) | st.lists(st.sampled_from([b"{", b"}", b"\\b ", b"x", b"\\'e9", b"\\"])).map(b"".join))
def test_text_without_such_words_is_never_changed(text: bytes) -> None:
    if not any(word in text for word in (b"deleted", b"fs", b"header", b"footer")):
        assert visible(text) == text
