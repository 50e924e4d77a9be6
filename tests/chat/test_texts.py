"""French and English say the same things, with the same holes, everywhere."""

import re
from pathlib import Path
from typing import Any

import pytest

from chat.texts import preferred, texts
from rag.answering.answer import Language

STATIC = Path(__file__).parents[2] / "chat" / "web" / "static"
HOLE = re.compile(r"\{\w*\}")
NAME = re.compile(r"(\w+|\"[^\"]+\"|'[^']+'): [\"{]")


def leaves(tree: dict[str, Any], at: str = "") -> dict[str, str | list[str]]:
    found: dict[str, str | list[str]] = {}
    for name, value in tree.items():
        found |= leaves(value, f"{at}{name}/") if isinstance(value, dict) else {f"{at}{name}": value}
    return found


FRENCH, ENGLISH = leaves(texts(Language.FRENCH)), leaves(texts(Language.ENGLISH))


def test_both_languages_have_the_same_texts() -> None:
    assert FRENCH.keys() == ENGLISH.keys()
    assert len(FRENCH) > 20


@pytest.mark.parametrize("name", sorted(FRENCH.keys() & ENGLISH.keys()))
def test_a_text_has_the_same_holes_in_both(name: str) -> None:
    french, english = FRENCH[name], ENGLISH[name]
    assert type(french) is type(english)
    assert sorted(HOLE.findall(str(french))) == sorted(HOLE.findall(str(english)))
    if isinstance(french, list):
        assert len(french) == len(english)
        assert all(french)


@pytest.mark.parametrize(("script", "count"), [("chat.js", 3), ("names.js", 15)])
def test_a_script_of_the_page_names_the_same_things_in_both(script: str, count: int) -> None:
    said = (STATIC / script).read_text().split("\n\n")[0]
    french, english = (NAME.findall(part) for part in re.split(r"\n  : ", said))
    assert french == english
    assert len(french) >= count


@pytest.mark.parametrize(
    ("header", "language"),
    [("fr-CA,en;q=0.8", "fr"), ("en-GB", "en"), ("de,fr;q=0.5", "fr"), ("", "en"), ("*", "en"), ("FR", "fr")],
)
def test_the_first_of_our_languages_is_spoken(header: str, language: str) -> None:
    assert preferred(header).value == language
