"""E-mail addresses are found without what stands around them."""

import pytest

from rag.personal.finding import find


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("write to jean.dupont+rh@exemple.co.uk.", "jean.dupont+rh@exemple.co.uk"),
        ("<a_b-c@sub.example.fr>", "a_b-c@sub.example.fr"),
        ("?to=x@example.com&y", "x@example.com"),
        ("mailto:rené@université.fr", "rené@université.fr"),
        ("x\uff20example.com", "x\uff20example.com"),
        ("..x@example.com", "x@example.com"),
    ],
)
def test_an_address_is_found(text: str, address: str) -> None:
    assert [text[span.start : span.end] for span in find(text)] == [address]


@pytest.mark.parametrize("text", ["a@b", "@example.com", "a @ b.fr", "x@y.1", "a@-b.fr", "user@", "x@.fr"])
def test_what_is_none_is_left_alone(text: str) -> None:
    assert find(text) == ()
