"""A rotation that was cut short goes on by itself and ends; beside it nobody begins another."""

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chat.admin.registry import OPERATIONS
from chat.assembly import House
from chat.errors import RotationRuns
from chat.logs import configure_logs
from chat.opening import initialise, open_house
from chat.rotating import Rotations
from chat.settings import Settings, Store
from rag.documents import Chunk, ParsedDocument, PassageId
from rag.errors import StoreFull
from rag.store.documents import DocumentStore
from rag.store.resealing import BATCH, Resealed
from rag.store.values import NewDocument
from security.access import Grant, Right
from security.identity import OPERATOR, CollectionId
from security.keyring import collection_owner
from tests.postgresql import ON_BOTH_DATABASES

pytestmark = pytest.mark.usefixtures("process_as_it_was")
PASSAGES = BATCH + 5
TEXT = "The wombat of the archive sleeps by day."


@pytest.fixture
def open_again(tmp_path: Path, store: Store) -> Callable[[], Any]:
    """Opens the house, as a start does."""
    state, settings = tmp_path / "state", Settings(store=store)
    initialise(state, settings)
    return lambda: open_house(state, settings)


@pytest.fixture
def log() -> Iterator[StringIO]:
    stream = StringIO()
    configure_logs(stream)
    yield stream
    configure_logs()


def filled(house: House, name: str) -> CollectionId:
    """A collection with documents of more passages than one step seals."""
    (made,) = OPERATIONS["collection.create"](house, name=name)
    identifier = CollectionId(made["id"])
    for document, passages in (("large.txt", PASSAGES), ("small.txt", 1)):
        chunks = tuple(Chunk(n, f"{TEXT} {n}", None, (), n, n + 1) for n in range(passages))
        vectors = np.tile(np.eye(1, 384, dtype=np.float32), (passages, 1))
        parsed = ParsedDocument("T", None, ())
        house.documents.put(
            managing(house, identifier),
            NewDocument("/s", document, "text/plain", TEXT.encode(), parsed, chunks, vectors),
        )
    return identifier


def managing(house: House, identifier: CollectionId) -> Grant:
    return house.policy.grant(OPERATOR, identifier, Right.MANAGE)


def cut_short(house: House, identifier: CollectionId) -> None:
    """A rotation that was stopped at its first step."""
    steps = house.rotations.run(managing(house, identifier))
    next(steps)
    steps.close()
    assert len(versions(house, identifier)) == 2


def versions(house: House, identifier: CollectionId) -> tuple[int, ...]:
    return house.keyring.versions(collection_owner(identifier))


def everything(house: House, identifier: CollectionId) -> dict[str, tuple[bytes, int]]:
    """Each original and how many passages, all opened."""
    grant = house.policy.grant(OPERATOR, identifier, Right.READ)
    entries = house.documents.entries.all(house.policy.for_indexing(identifier))
    ids = [PassageId(entry.passage_id) for batch in entries for entry in batch]
    opened = house.documents.passages(grant, ids)
    assert all(passage.chunk.text.startswith(TEXT) for passage in opened)
    return {
        info.path: (
            b"".join(house.documents.original(grant, info.id)),
            sum(passage.document.id == info.id for passage in opened),
        )
        for info in house.documents.documents(grant)
    }


WHOLE = {"large.txt": (TEXT.encode(), PASSAGES), "small.txt": (TEXT.encode(), 1)}


def until_ended(house: House) -> None:
    with house.rotations.resumed():
        for thread in threading.enumerate():
            if thread.name == "rotations":
                thread.join(60)


def outcomes(house: House, identifier: CollectionId) -> list[str]:
    with house.engine.connect() as connection:
        query = f"SELECT outcome FROM audit WHERE action = 'keys.rotate' AND object_id = '{identifier}' ORDER BY seq"
        return list(connection.exec_driver_sql(query).scalars())


def killed_at_step(open_again: Callable[[], Any], name: str, step: int) -> None:
    child = os.fork()
    if child == 0:
        try:
            with open_again() as house:
                for number, _ in enumerate(OPERATIONS["keys.rotate"](house, name=name)):
                    if number == step:
                        os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


@ON_BOTH_DATABASES
@pytest.mark.parametrize("step", [0, 2, 5])
def test_killed_at_a_step_it_goes_on_at_the_next_start_and_ends(open_again: Callable[[], Any], step: int) -> None:
    with open_again() as house:
        identifier = filled(house, "archive")
        mark = house.documents.fingerprints.of(managing(house, identifier), "/s", "small.txt", b"x")
    killed_at_step(open_again, "archive", step)
    with open_again() as house:
        assert versions(house, identifier) == (1, 2)
        assert everything(house, identifier) == WHOLE
        until_ended(house)
        assert versions(house, identifier) == (2,)
        assert everything(house, identifier) == WHOLE
        assert house.documents.fingerprints.of(managing(house, identifier), "/s", "small.txt", b"x") == mark
        assert house.rotations.unfinished() == ()
        assert outcomes(house, identifier) == ["begun", "resumed", "done"]
        assert house.documents.integrity.look(house.policy.for_indexing(identifier)) == ()


def test_where_nothing_was_cut_short_no_key_gets_a_new_version(open_again: Callable[[], Any]) -> None:
    with open_again() as house:
        identifier = filled(house, "archive")
        until_ended(house)
        assert versions(house, identifier) == (1,)
        assert outcomes(house, identifier) == []


def test_stopped_it_ends_at_its_next_step_and_goes_on_another_day(open_again: Callable[[], Any]) -> None:
    with open_again() as house:
        identifier = filled(house, "archive")
        cut_short(house, identifier)
        stopped = threading.Event()
        stopped.set()
        house.rotations.resume(stopped)
        assert outcomes(house, identifier) == ["begun"]
        with house.rotations.resumed():
            pass  # the server stops at once
        assert not [thread for thread in threading.enumerate() if thread.name == "rotations"]
        assert everything(house, identifier) == WHOLE
        until_ended(house)
        assert len(versions(house, identifier)) == 1
        assert everything(house, identifier) == WHOLE


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, threading.Event]]:
    """A rotation that waits at its first step: it has begun, and it may go on."""
    begun, go_on, reseal = threading.Event(), threading.Event(), DocumentStore.reseal

    def slowly(self: DocumentStore, grant: Grant) -> Iterator[Resealed]:
        for step in reseal(self, grant):
            begun.set()
            assert go_on.wait(30)
            yield step

    monkeypatch.setattr(DocumentStore, "reseal", slowly)
    yield begun, go_on
    go_on.set()


def test_beside_it_the_command_says_that_it_is_being_done(
    open_again: Callable[[], Any], held: tuple[threading.Event, threading.Event]
) -> None:
    begun, go_on = held
    with open_again() as house:
        identifier, other = filled(house, "archive"), filled(house, "other")
        house.keyring.rotate(collection_owner(identifier))
        with house.rotations.resumed():
            assert begun.wait(30)
            with pytest.raises(RotationRuns, match="already; `huisclos keys status` shows"):
                next(OPERATIONS["keys.rotate"](house, name="archive"))
            (status,) = OPERATIONS["keys.status"](house)
            assert status["rotating"] == [{"collection": "archive", "versions": [1, 2], "runs": True}]
            go_on.set()
            list(OPERATIONS["keys.rotate"](house, name="other"))
            for thread in threading.enumerate():
                if thread.name == "rotations":
                    thread.join(30)
        assert (versions(house, identifier), versions(house, other)) == ((2,), (2,))
        (status,) = OPERATIONS["keys.status"](house)
        assert status["rotating"] == []
        list(OPERATIONS["keys.rotate"](house, name="archive"))  # its turn is free again
        assert versions(house, identifier) == (3,)


def test_beside_the_command_it_leaves_the_collection_alone(open_again: Callable[[], Any]) -> None:
    with open_again() as house:
        identifier = filled(house, "archive")
        steps = house.rotations.run(managing(house, identifier))
        next(steps)
        until_ended(house)
        assert outcomes(house, identifier) == ["begun"]
        list(steps)
        assert versions(house, identifier) == (2,)


def test_what_an_operator_ended_meanwhile_gets_no_further_version(
    open_again: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_again() as house:
        identifier = filled(house, "archive")
        cut_short(house, identifier)
        seen = house.rotations.unfinished()
        list(OPERATIONS["keys.rotate"](house, name="archive"))
        monkeypatch.setattr(Rotations, "unfinished", lambda self: seen)
        until_ended(house)
        assert versions(house, identifier) == (2,)


def test_one_that_fails_is_told_without_its_name_and_the_next_has_its_turn(
    open_again: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, log: StringIO
) -> None:
    with open_again() as house:
        first, second = filled(house, "archive"), filled(house, "other")
        cut_short(house, first)
        cut_short(house, second)
        reseal = DocumentStore.reseal

        def full(self: DocumentStore, grant: Grant) -> Iterator[Resealed]:
            if grant.collection_id == first:
                raise StoreFull("no room in archive")
            return reseal(self, grant)

        monkeypatch.setattr(DocumentStore, "reseal", full)
        until_ended(house)
        assert (versions(house, first), versions(house, second)) == ((1, 2), (2,))
        monkeypatch.undo()
        until_ended(house)
        assert versions(house, first) == (2,)
    events = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(event["event"], event["collection_id"]) for event in events] == [
        ("rotation_resumed", first),
        ("rotation_failed", first),
        ("rotation_resumed", second),
        ("rotation_ended", second),
        ("rotation_resumed", first),
        ("rotation_ended", first),
    ]
    assert "archive" not in log.getvalue()


def test_how_far_it_is_stands_in_the_log(
    open_again: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, log: StringIO
) -> None:
    monkeypatch.setattr("chat.rotating.PROGRESS_SECONDS", 0.0)
    with open_again() as house:
        cut_short(house, filled(house, "archive"))
        until_ended(house)
    events = [json.loads(line) for line in log.getvalue().splitlines()]
    told = [(event["done"], event["total"]) for event in events if event["event"] == "rotation_progressed"]
    assert told
    assert all(0 < done <= total for done, total in told)
