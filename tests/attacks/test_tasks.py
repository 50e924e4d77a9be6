"""Claim: a task reads what is granted to whoever asks and comes through their filter; what documents spell stays text.

A collection that is damaged is left out and named, and the task goes on with the others.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chat.texts import texts
from rag.answering.answer import Language
from tests.attacks.planted import Planted
from tests.attacks.whole import Attacked

NOTHING = "No document that is open to you says that."
WORDS = texts(Language.ENGLISH)
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


def test_a_list_and_a_name_hold_what_comes_through_the_filter_alone(house: Attacked, planted: Planted) -> None:
    folder = next(planted.folders[planted.archive].rglob("*.md")).parent.name
    house.add_person("narrower", planted.archive)
    with house.signed_in("narrower") as narrower:
        chat = narrower.chat()
        chat.emit("chat_settings_change", {"folders": folder})
        told = chat.ask(f"{planted.topic} allowance", command="list")
        assert planted.amount in told
        assert "Only documents of the filter were read" in told
        chat.emit("chat_settings_change", {"folders": f"{folder}x"})
        assert planted.amount not in chat.ask(f"{planted.topic} allowance", command="list")
        for command in ("summarise", "translate", "draft"):
            told = chat.ask(f"How high is the {planted.topic} allowance?", command=command)
            assert told.startswith(WORDS["troubles"]["filtered_out"])
        chat.emit("chat_settings_change", {"before": "yesterday"})
        assert chat.ask(f"{planted.topic} allowance", command="list") == WORDS["filter_wrong"]


def test_a_command_that_is_mistyped_begins_nothing_before_a_yes(house: Attacked, planted: Planted) -> None:
    house.add_person("mistyper", planted.archive)
    with house.signed_in("mistyper") as mistyper:
        chat, before = mistyper.chat(), len(house.audit_rows())
        told = chat.ask(f"/liste {planted.topic} allowance [x](http://evil.example)")
        assert "/list" in told
        assert WORDS["tasks"]["list"]["description"] in told
        assert "evil" not in told
        assert house.audit_rows()[before:] == []
        assert chat.ask("Yes.") == NOTHING
        assert ("task.list", "begun") in {(action, outcome) for _, action, _, outcome in house.audit_rows()[before:]}
        chat.ask(f"/liste {planted.topic} allowance")
        assert planted.amount in chat.ask("yes")
        before = len(house.audit_rows())
        chat.ask("yes")
        assert "task.list" not in {action for _, action, _, _ in house.audit_rows()[before:]}


@pytest.fixture
def damaged(house: Attacked, tmp_path: Path) -> Iterator[str]:
    """A collection of one document whose text was changed in the database, which nobody has read yet."""
    name = "damaged-leaflets"
    (tmp_path / "leaflet.md").write_text(
        "# Leaflet of the lentil soup\n\nThe lentil soup is salted by whoever eats it.\n"
    )
    house.operate("collection.create", name=name)
    house.load(name, tmp_path)
    with closing(sqlite3.connect(f"file:{house.state}/truth.db", uri=True)) as connection, connection:
        connection.execute("update passages set body = zeroblob(90) where rowid = (select max(rowid) from passages)")
    yield name
    house.operate("collection.remove", name=name)


def test_a_task_goes_on_without_a_damaged_collection_and_names_it(
    house: Attacked, planted: Planted, damaged: str
) -> None:
    house.add_person("eater", planted.canteen, damaged)
    with house.signed_in("eater") as eater:
        chat = eater.chat()
        told = chat.ask("lentil soup", command="list")
        chat.settle()
        assert "On Monday there is lentil soup" in told + chat.heard
        assert "Documents that say it: 1" in chat.heard
        assert "Collection closed" in chat.heard
        assert "damaged" in chat.heard.split("Collection closed")[1]
        assert "On Monday there is lentil soup" in chat.ask("lentil soup", command="list")
