"""Every promise of the threat model names its attack, and the attack is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "threat-model.md").read_text()
PROMISES = re.split(r"\n(?=\d+\. )", PAGE.partition("## What we promise\n")[2].partition("\n## ")[0])[1:]
FILE = re.compile(r"`(tests/[\w/]+\.py)`")


def test_promises_are_numbered_in_order() -> None:
    assert [int(text.split(".")[0]) for text in PROMISES] == list(range(1, len(PROMISES) + 1))
    assert len(PROMISES) >= 10


@pytest.mark.parametrize("promise", PROMISES, ids=lambda text: text.split("\n")[0][:40])
def test_a_promise_names_tests_that_are_there(promise: str) -> None:
    named = FILE.findall(promise)
    assert named
    assert [name for name in named if "def test_" not in _text(ROOT / name)] == []


@pytest.mark.parametrize("path", sorted(Path(__file__).parent.glob("test_*.py")), ids=lambda path: path.name)
def test_an_attack_is_named_and_says_what_it_claims(path: Path) -> None:
    if path.name != Path(__file__).name:
        assert f"tests/attacks/{path.name}" in PAGE
        assert path.read_text().startswith('"""Claim: ')


def _text(path: Path) -> str:
    return path.read_text() if path.is_file() else ""
