"""Claim: a task reads what is granted to whoever asks, and nothing else; what documents spell stays text."""

import re

import pytest

from tests.attacks.planted import Planted
from tests.attacks.whole import Attacked

NOTHING = "No document that is open to you says that."
UNNAMED = "No document that is open to you is named so. Name it by words of its title."


def test_a_list_holds_what_is_granted_alone(house: Attacked, planted: Planted) -> None:
    house.add_person("lister", planted.canteen)
    with house.signed_in("lister") as lister:
        chat = lister.chat()
        assert chat.ask(f"{planted.topic} allowance", command="list") == NOTHING
        house.operate("collection.grant", name=planted.archive, user="lister")
        assert planted.amount in chat.ask(f"/list {planted.topic} allowance")
        house.operate("collection.revoke", name=planted.archive, user="lister")
        assert chat.ask(f"{planted.topic} allowance", command="list") == NOTHING


@pytest.mark.parametrize("command", ["summarise", "translate", "compare"])
def test_a_document_that_is_not_granted_is_not_named(house: Attacked, planted: Planted, command: str) -> None:
    house.add_person(f"namer-{command}", planted.canteen)
    with house.signed_in(f"namer-{command}") as namer:
        chat = namer.chat()
        name = next(path.stem for path in planted.folders[planted.archive].rglob("*.md"))
        assert chat.ask(f"menu; {name}" if command == "compare" else name, command=command) == UNNAMED
        assert planted.amount not in chat.heard


def test_the_titles_and_texts_of_a_list_are_text(house: Attacked, planted: Planted) -> None:
    house.add_person("parrot", planted.post)
    with house.signed_in("parrot") as parrot:
        shown = parrot.chat().ask("parrots", command="list")
    assert "evil" in shown
    assert not re.search(r"(?<!\\)[<\[](?!\d+\]\(/sources/)", shown)  # but for the marks of our own sources
    assert "www.evil" not in shown
