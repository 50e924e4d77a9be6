"""A word and its opposite are told apart, where the quote has only the one."""

import pytest

from rag.answering.opposites import is_reply, opposite


@pytest.mark.parametrize(
    ("text", "quote", "word"),
    [
        ("Neutrophils are the least abundant type.", "Neutrophils are the most abundant type of phagocyte.", "least"),
        ("La visite a lieu avant l'embauche.", "La visite a lieu après l'embauche.", "avant"),
        ("The maximum is 3 days.", "The minimum is 3 days.", "maximum"),
        ("La propriété est obligatoire.", "La propriété est facultative.", "obligatoire"),
        ("C'est la plus rare.", "C'est la moins rare.", "la plus"),
        ("Oui, si vous exercez à titre individuel.", "Non, si vous exercez à titre individuel.", "oui"),
        ("No, it is paid.", "Is it paid? Yes.", "no"),
        ("It is the official color.", "The color was unofficially adopted.", "official"),
    ],
)
def test_the_opposite_is_found(text: str, quote: str, word: str) -> None:
    assert opposite(text, quote) == word


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("The most abundant type.", "The most abundant type, and the least known."),
        ("It begins before and ends after lunch.", "It ends after lunch."),
        ("Neutrophils are abundant.", "Neutrophils are the most abundant type."),
        ("The least abundant type.", "A type that is not abundant."),
        ("At last it was signed.", "It was signed."),
        ("Oui, vous pouvez.", "Oui. Vous pouvez, mais non sans accord."),
        ("Oui, vous pouvez.", "Vous pouvez, dit-il : non-résident ou résident."),
        ("It is the official color.", "The official color was unofficially adopted before."),
    ],
)
def test_what_is_no_opposite_is_left(text: str, quote: str) -> None:
    assert opposite(text, quote) == ""


def test_a_reply_begins_with_yes_or_no() -> None:
    assert all(map(is_reply, ("Oui.", "Yes, you can.", "Non, sauf accord.", "No")))
    assert not any(map(is_reply, ("Not so.", "You say yes.", "Non-résident.", "Nonante.")))
