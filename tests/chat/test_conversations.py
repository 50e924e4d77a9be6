"""A person's conversations are sealed rows, and theirs alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, Table, delete, insert, select, update

from chat.conversations import Conversations, ThreadId
from chat.tables import feedback, steps, threads
from security.errors import AccessDenied, SealBroken
from security.identity import Principal, Role, UserId
from security.keyring import Keyring, person_owner
from security.keystore import create_keyring
from security.slots import KeyFile
from tests.postgresql import ON_BOTH_DATABASES

pytestmark = ON_BOTH_DATABASES

ADA = Principal(UserId("ada"), Role.EMPLOYEE)
BOB = Principal(UserId("bob"), Role.ADMINISTRATOR)
HERS, SECOND = ThreadId("thread-of-ada"), ThreadId("second-of-ada")
CANARIES = (b"zanzibar", b"quagga", b"okapi", b"numbat")


@pytest.fixture
def engine(database: Engine) -> Engine:
    return database


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    made = create_keyring(tmp_path, KeyFile(tmp_path / "root.key"))
    for person in (ADA, BOB):
        made.create(person_owner(person.user_id))
    return made


@pytest.fixture
def held(engine: Engine, keyring: Keyring) -> Conversations:
    """Two conversations of Ada's, rated and commented."""
    made = Conversations(engine, keyring)
    made.put(ADA, HERS, "about zanzibar", {"collections": ["quagga"]})
    made.put_step(ADA, HERS, "question", {"output": "where is the okapi?", "createdAt": "2026-01-01"})
    made.put_step(ADA, HERS, "answer", {"output": "in the zoo", "createdAt": "2026-01-02"})
    made.put_step(ADA, SECOND, "other", {"output": "something else"})
    made.rate(ADA, "answer", 1, "numbat!")
    made.rate(ADA, "question", 0, None)
    return made


def value(engine: Engine, table: Table, identifier: str, column: str) -> bytes:
    with engine.connect() as connection:
        return bytes(connection.execute(select(table.c[column]).where(table.c.id == identifier)).scalar_one())


def put(engine: Engine, table: Table, identifier: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(update(table).where(table.c.id == identifier).values(**values))


def test_a_conversation_comes_back_as_it_was_with_its_thumbs(held: Conversations) -> None:
    found = held.find(ADA, HERS)
    assert found is not None
    assert (found.name, found.metadata) == ("about zanzibar", {"collections": ["quagga"]})
    question, answer = held.steps(ADA, HERS)
    assert (question["output"], answer["output"]) == ("where is the okapi?", "in the zoo")
    assert (answer["feedback"]["value"], answer["feedback"]["comment"]) == (1, "numbat!")
    assert [item.id for item in held.list(ADA)] == [SECOND, HERS]


def test_no_word_of_it_stands_in_the_database(held: Conversations, engine: Engine, stored: Callable[[], bytes]) -> None:
    assert held.list(ADA)
    engine.dispose()
    content = stored()
    assert HERS.encode() in content
    assert [word for word in CANARIES if word in content] == []


@pytest.mark.parametrize("identifier", ["x" * 65, "nul\0"])
def test_what_is_no_id_is_nobodys_and_makes_nothing(held: Conversations, identifier: str) -> None:
    attempts: tuple[Callable[[], object], ...] = (
        lambda: held.find(ADA, ThreadId(identifier)),
        lambda: held.put(ADA, ThreadId(identifier), "name"),
        lambda: held.put_step(ADA, HERS, identifier, {"output": "x"}),
        lambda: held.thread_of(ADA, identifier),
        lambda: held.rate(ADA, identifier, 1, None),
        lambda: held.unrate(ADA, identifier),
    )
    for attempt in attempts:
        with pytest.raises(AccessDenied, match="no such"):
            attempt()
    assert [item.id for item in held.list(ADA)] == [SECOND, HERS]
    assert len(held.steps(ADA, HERS)) == 2


def test_a_time_from_the_page_is_kept_as_it_can_be(held: Conversations) -> None:
    held.put_step(ADA, HERS, "third", {"output": "x", "createdAt": "2026-01-03\0" + "y" * 40})
    assert [step["output"] for step in held.steps(ADA, HERS)][-1] == "x"


@pytest.mark.parametrize(
    "attempt",
    [
        lambda held, thread, step, mark: held.find(BOB, thread),
        lambda held, thread, step, mark: held.steps(BOB, thread),
        lambda held, thread, step, mark: held.put(BOB, thread, "mine now"),
        lambda held, thread, step, mark: held.put_step(BOB, thread, "new", {"output": "x"}),
        lambda held, thread, step, mark: held.put_step(BOB, ThreadId("own"), step, {"output": "x"}),
        lambda held, thread, step, mark: held.rate(BOB, step, 0, "bad"),
        lambda held, thread, step, mark: held.thread_of(BOB, step),
        lambda held, thread, step, mark: held.unrate(BOB, mark),
        lambda held, thread, step, mark: held.remove(BOB, thread),
    ],
)
def test_nobody_else_reads_or_changes_it_whatever_their_role(
    held: Conversations, attempt: Callable[..., object]
) -> None:
    before = held.steps(ADA, HERS)
    mark = before[-1]["feedback"]["id"]
    with pytest.raises(AccessDenied):
        attempt(held, HERS, "answer", mark)
    assert held.steps(ADA, HERS) == before
    assert [item.id for item in held.list(BOB)] in ([], ["own"])


@pytest.mark.parametrize("attempt", [lambda held, step: held.rate(BOB, step, 0, None)])
def test_somebody_elses_message_and_one_that_is_not_there_are_told_alike(
    held: Conversations, attempt: Callable[..., object]
) -> None:
    told = []
    for step in ("answer", "no-such-message"):
        with pytest.raises(AccessDenied) as caught:
            attempt(held, step)
        told.append(str(caught.value))
    assert told[0] == told[1]


def test_somebody_elses_thumb_and_one_that_is_not_there_are_told_alike(held: Conversations) -> None:
    told = []
    for mark in (held.steps(ADA, HERS)[-1]["feedback"]["id"], "no-such-thumb"):
        with pytest.raises(AccessDenied) as caught:
            held.unrate(BOB, mark)
        told.append(str(caught.value))
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("table", "column", "source", "target"),
    [(steps, "body", "question", "answer"), (steps, "body", "other", "answer"), (threads, "about", SECOND, HERS)],
)
def test_a_row_moved_to_another_place_does_not_open(
    held: Conversations, engine: Engine, table: Table, column: str, source: str, target: str
) -> None:
    put(engine, table, target, **{column: value(engine, table, source, column)})
    with pytest.raises(SealBroken):
        held.steps(ADA, HERS)


def test_a_comment_moved_to_another_message_does_not_open(held: Conversations, engine: Engine) -> None:
    first, second = (body["feedback"]["id"] for body in held.steps(ADA, HERS))
    put(engine, feedback, first, body=value(engine, feedback, second, "body"))
    with pytest.raises(SealBroken):
        held.steps(ADA, HERS)


def test_a_message_moved_to_another_conversation_of_the_same_person_does_not_open(
    held: Conversations, engine: Engine
) -> None:
    put(engine, steps, "other", thread_id=HERS)
    with pytest.raises(SealBroken):
        held.steps(ADA, HERS)


def test_a_comment_moved_with_its_message_to_another_conversation_does_not_open(
    held: Conversations, engine: Engine
) -> None:
    """The message is the right one there, sealed for its place; the comment was sealed for another."""
    mark = held.steps(ADA, HERS)[-1]["feedback"]["id"]
    with engine.begin() as connection:
        connection.execute(delete(steps).where(steps.c.id == "answer"))
    held.put_step(ADA, SECOND, "answer", {"output": "in the zoo"})
    put(engine, feedback, mark, thread_id=SECOND)
    with pytest.raises(SealBroken):
        held.steps(ADA, SECOND)


@pytest.mark.parametrize("table", [steps, feedback], ids=lambda table: table.name)
def test_what_was_said_in_a_removed_conversation_does_not_open_for_who_takes_its_id(
    held: Conversations, engine: Engine, table: Table
) -> None:
    """The page draws the ids, so the place of a row can be made again; the person's key still cannot."""
    with engine.connect() as connection:
        kept = [dict(row) for row in connection.execute(select(table).where(table.c.thread_id == HERS)).mappings()]
    held.remove(ADA, HERS)
    held.put(BOB, HERS, "mine now")
    if table is feedback:
        held.put_step(BOB, HERS, "answer", {"output": "x"})
    with engine.begin() as connection:
        connection.execute(insert(table), kept)
    with pytest.raises(SealBroken):
        held.steps(BOB, HERS)


def test_a_conversation_given_to_somebody_else_by_hand_does_not_open(held: Conversations, engine: Engine) -> None:
    """The owner's name in the row decides who may ask for it; the owner's key decides who can read it."""
    put(engine, threads, HERS, user_id=BOB.user_id)
    with pytest.raises(SealBroken):
        held.find(BOB, HERS)
    with pytest.raises(SealBroken):
        held.list(BOB)


def test_a_removed_conversation_leaves_nothing(held: Conversations, engine: Engine) -> None:
    held.remove(ADA, HERS)
    assert held.find(ADA, HERS) is None
    with engine.connect() as connection:
        left = [row.thread_id for table in (steps, feedback) for row in connection.execute(select(table))]
    assert left == [SECOND]


def test_a_thumb_is_replaced_and_taken_back(held: Conversations) -> None:
    held.rate(ADA, "answer", 0, "no")
    mark = held.steps(ADA, HERS)[-1]["feedback"]
    assert (mark["value"], mark["comment"]) == (0, "no")
    held.unrate(ADA, mark["id"])
    assert "feedback" not in held.steps(ADA, HERS)[-1]
