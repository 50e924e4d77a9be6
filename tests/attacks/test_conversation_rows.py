"""Claim: a conversation, message or rating taken out of the database, brought in or put back is seen and named."""

import random
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table, delete, insert, select, update

from chat.admin.registry import OPERATIONS
from chat.assembly import House
from chat.conversations import ThreadId
from chat.opening import initialise, open_house
from chat.settings import Settings, Store
from chat.tables import feedback, metadata, steps, tallies, threads
from security.identity import Principal, Role
from tests.postgresql import ON_BOTH_DATABASES

pytestmark = pytest.mark.usefixtures("process_as_it_was")
FIRST, SECOND = ThreadId("first"), ThreadId("second")
Rows = dict[Table, list[dict[str, Any]]]
Attack = Callable[[Connection, Rows], object]


@pytest.fixture
def open_again(tmp_path: Path, store: Store) -> Callable[[], Any]:
    """Opens the house, as a start does."""
    state, settings = tmp_path / "state", Settings(store=store)
    initialise(state, settings)
    return lambda: open_house(state, settings)


def person(house: House, name: str) -> Principal:
    found = house.directory.find_user(name)
    if found is None:
        return Principal(house.directory.add_user(name, "correct horse battery", Role.EMPLOYEE), Role.EMPLOYEE)
    return found.principal


def talk(house: House, name: str) -> Rows:
    """Two conversations with messages and ratings, of which some changed and some went; gives how it stood before."""
    owner, held = person(house, name), house.conversations
    for thread in (FIRST, SECOND):
        own = ThreadId(f"{name}-{thread}")
        held.put(owner, own, f"about the {thread} wombat")
        for number in range(3):
            held.put_step(owner, own, f"{own}-{number}", {"output": f"{number}", "createdAt": f"2026-01-0{number + 1}"})
        held.rate(owner, f"{own}-1", 1, "good")
    held.put_step(owner, ThreadId(f"{name}-gone"), f"{name}-gone-0", {"output": "forget this"})
    before = stands(house)
    held.put(owner, ThreadId(f"{name}-first"), "another name")
    held.put_step(
        owner, ThreadId(f"{name}-first"), f"{name}-first-0", {"output": "0, said better", "createdAt": "2026-01-01"}
    )
    held.rate(owner, f"{name}-first-1", 0, "bad after all")
    held.remove(owner, ThreadId(f"{name}-gone"))
    return before


def stands(house: House) -> Rows:
    with house.engine.connect() as connection:
        return {
            table: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in metadata.sorted_tables
        }


def named(house: House) -> list[str]:
    """What `huisclos verify` names of conversations."""
    events = [event for event in OPERATIONS["verify"](house, is_quick=True) if event.get("subject") == "conversations"]
    return list(events[0]["reasons"])


def row(before: Rows, table: Table, identifier: str) -> dict[str, Any]:
    return next(each for each in before[table] if each["id"] == identifier)


def put_back(table: Table, identifier: str) -> Attack:
    def attack(connection: Connection, before: Rows) -> None:
        connection.execute(delete(table).where(table.c.id == identifier))
        connection.execute(insert(table).values(**row(before, table, identifier)))

    return attack


def put_back_a_rating(connection: Connection, before: Rows) -> None:
    connection.execute(delete(feedback).where(feedback.c.step_id == "ada-first-1"))
    found = next(each for each in before[feedback] if each["step_id"] == "ada-first-1")
    connection.execute(insert(feedback).values(**found))


def put_back_a_conversation(connection: Connection, before: Rows) -> None:
    connection.execute(insert(threads).values(**row(before, threads, "ada-gone")))
    connection.execute(insert(steps).values(**row(before, steps, "ada-gone-0")))


def put_everything_back(connection: Connection, before: Rows) -> None:
    """All of Ada's at one moment, with what counts it."""
    for table in reversed(metadata.sorted_tables):
        connection.execute(delete(table))
    for table in metadata.sorted_tables:
        connection.execute(insert(table), before[table])


def take_everything_out(connection: Connection, before: Rows) -> None:
    for table in reversed(metadata.sorted_tables):
        connection.execute(delete(table))


def take_out_a_conversation(connection: Connection, before: Rows) -> None:
    for table in (feedback, steps):
        connection.execute(delete(table).where(table.c.thread_id == "ada-second"))
    connection.execute(delete(threads).where(threads.c.id == "ada-second"))


LOST = "what counts them was taken out or put back"
ATTACKS: dict[str, tuple[Attack, str]] = {
    "a message taken out": (lambda c, b: c.execute(delete(steps).where(steps.c.id == "ada-first-2")), "9 rows .* 10"),
    "a rating taken out": (
        lambda c, b: c.execute(delete(feedback).where(feedback.c.step_id == "ada-first-1")),
        "9 .* 10",
    ),
    "a conversation taken out": (take_out_a_conversation, "5 rows .* 10"),
    "a message put back as it was": (put_back(steps, "ada-first-0"), "10 rows .* 10"),
    "a name put back as it was": (
        lambda c, b: c.execute(
            update(threads).where(threads.c.id == "ada-first").values(about=row(b, threads, "ada-first")["about"])
        ),
        "10 rows .* 10",
    ),
    "a rating put back as it was": (put_back_a_rating, "10 rows .* 10"),
    "a removed conversation put back": (put_back_a_conversation, "12 rows .* 10"),
    "messages put in another order": (
        lambda c, b: c.execute(update(steps).where(steps.c.id == "ada-first-2").values(created_at="2020")),
        "10 rows .* 10",
    ),
    "a conversation given to somebody else": (
        lambda c, b: c.execute(update(threads).where(threads.c.id == "ada-first").values(user_id="nobody")),
        "5 rows .* 10",
    ),
    "everything put back, with what counts it": (put_everything_back, LOST),
    "everything taken out, with what counts it": (take_everything_out, LOST),
    "what counts them taken out": (lambda c, b: c.execute(delete(tallies)), LOST),
    "what counts them changed": (lambda c, b: c.execute(update(tallies).values(sealed=bytes(80))), LOST),
    "what counts them put back": (
        lambda c, b: c.execute(update(tallies).values(sealed=b[tallies][0]["sealed"])),
        LOST,
    ),
}


@ON_BOTH_DATABASES
@pytest.mark.parametrize("attack", [attack for attack, _ in ATTACKS.values()], ids=ATTACKS)
def test_an_attack_is_named_with_the_person_and_stays_named_whatever_is_written_after_it(
    open_again: Callable[[], Any], attack: Attack
) -> None:
    with open_again() as house:
        before = talk(house, "ada")
        assert named(house) == []
    with open_again() as house, house.engine.begin() as connection:
        attack(connection, before)
    for _ in range(2):
        with open_again() as house:
            (found,) = named(house)
            assert found.startswith("of ada: ")
            house.conversations.put_step(person(house, "ada"), ThreadId("new"), "n", {"output": "what else?"})
            assert len(named(house)) == 1
    with open_again() as house:
        list(OPERATIONS["repair.conversations"](house, name="ada"))
        assert named(house) == []
    with open_again() as house:
        assert named(house) == []


@pytest.mark.parametrize(("attack", "reason"), ATTACKS.values(), ids=ATTACKS)
def test_an_attack_says_what_it_is(open_again: Callable[[], Any], attack: Attack, reason: str) -> None:
    with open_again() as house:
        before = talk(house, "ada")
    with open_again() as house:
        with house.engine.begin() as connection:
            attack(connection, before)
        (found,) = named(house)
        assert re.search(reason, found)


def test_what_happens_to_one_person_is_not_told_of_another(open_again: Callable[[], Any]) -> None:
    with open_again() as house:
        talk(house, "bob")
        talk(house, "ada")
        with house.engine.begin() as connection:
            connection.execute(delete(steps).where(steps.c.id == "ada-first-2"))
        (found,) = named(house)
        assert found.startswith("of ada: ")
        assert len(house.conversations.list(person(house, "bob"))) == 2


@ON_BOTH_DATABASES
def test_whatever_people_do_nothing_is_named(open_again: Callable[[], Any]) -> None:
    moments, rated = random.Random(5), []
    for _ in range(3):
        with open_again() as house:
            owner, held = person(house, "ada"), house.conversations
            for _ in range(40):
                thread, step = ThreadId(f"t{moments.randrange(3)}"), moments.randrange(4)
                match moments.randrange(6):
                    case 0:
                        held.put(owner, thread, f"name {step}")
                    case 1:
                        held.remove(owner, thread)
                    case 2 if held.steps(owner, thread):
                        rated.append(held.rate(owner, held.steps(owner, thread)[0]["id"], step % 2, "so"))
                    case 3 if rated and is_there(house, rated[-1]):
                        held.unrate(owner, rated.pop())
                    case _:
                        held.put_step(owner, thread, f"{thread}-{step}", {"id": f"{thread}-{step}", "output": "x"})
            assert named(house) == []
        with open_again() as house:
            assert named(house) == []


def is_there(house: House, mark: str) -> bool:
    with house.engine.connect() as connection:
        return connection.execute(select(feedback.c.id).where(feedback.c.id == mark)).first() is not None


def test_a_crash_before_the_number_is_written_down_accuses_nobody(
    open_again: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_again() as house:
        talk(house, "ada")
    with monkeypatch.context() as patched, open_again() as house:
        patched.setattr(house.keyring.epochs, "_write", lambda epochs: None)
        house.conversations.put_step(person(house, "ada"), FIRST, "late", {"output": "and then?"})
    with open_again() as house:
        assert named(house) == []


def test_the_number_is_written_down_when_the_house_closes_and_with_the_next_entry_of_the_record(
    open_again: Callable[[], Any],
) -> None:
    with open_again() as house:
        talk(house, "ada")
        before = stands(house)
        house.audit.record(person(house, "ada").user_id, "ask", "c1", "begun")
        at_entry = (house.state / "keys" / "epochs").read_bytes()
        house.conversations.put_step(person(house, "ada"), FIRST, "late", {"output": "and then?"})
        assert (house.state / "keys" / "epochs").read_bytes() == at_entry
    with open_again() as house:
        assert (house.state / "keys" / "epochs").read_bytes() != at_entry
        with house.engine.begin() as connection:
            put_everything_back(connection, before)
        (found,) = named(house)
        assert LOST in found


@pytest.fixture
def served(open_again: Callable[[], Any]) -> Iterator[House]:
    with open_again() as house:
        yield house


def test_a_look_beside_writers_accuses_nobody(served: House) -> None:
    """What is counted and what stands there are read at one moment."""
    owner = person(served, "ada")

    def write() -> None:
        for number in range(60):
            served.conversations.put_step(owner, FIRST, f"s{number % 7}", {"output": f"{number}"})

    with ThreadPoolExecutor(2) as pool:
        writing = [pool.submit(write), pool.submit(write)]
        while not all(each.done() for each in writing):
            assert served.conversations.look(owner) == ""
        for each in writing:
            each.result()
    assert named(served) == []


def test_a_shredded_persons_rows_are_counted_no_more(served: House) -> None:
    talk(served, "ada")
    list(OPERATIONS["keys.shred_person"](served, name="ada"))
    assert named(served) == []
    assert stands(served)[tallies] == []
