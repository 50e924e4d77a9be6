"""Claim: who runs the database reads no file that goes to workers, and has no passage of theirs brought in.

Workers have one key, which opens what they were given; a role that they enter with reaches their tables and no others.
"""

import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from chat.errors import DeskLost
from chat.postgresql import connect, server_of
from chat.workers.connection import Connection
from chat.workers.desk import Desk
from rag.reading import Work
from tests.chat.workers.conftest import Held, Yard, late, yard  # noqa: F401 - fixtures
from tests.postgresql import Server
from tests.rag.conftest import memory_dir, shelf  # noqa: F401 - fixtures

pytestmark = pytest.mark.parametrize("store", ["postgresql"], indirect=True)

CANARY = "zanzibar"
WORK = Work(f"{CANARY}-secret.txt", 0, False, f"The {CANARY} contract ends in May.".encode())


def name_of(yard: Yard) -> str:  # noqa: F811 - the fixture
    return yard.store.database.rpartition("/")[2]


def handed(yard: Yard, work: Work, then: Callable[[], object]) -> object:  # noqa: F811 - the fixture
    """What comes of a file whose answer lies on the desk, after somebody was at the desk."""
    yard.workers._places_until = 0
    found: list[object] = []
    stopped = threading.Event()
    take_back = Desk.take_back

    def meddled(desk: Desk, identifier: str) -> bytes | None:
        then()
        return take_back(desk, identifier)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Desk, "take_back", meddled)
        found.append(yard.workers.passages(work, stopped))
    return found[0]


def test_files_and_answers_lie_there_sealed(yard: Yard, postgresql: Server) -> None:  # noqa: F811 - the fixture
    postgresql.log_all(name_of(yard))
    dumps: list[bytes] = []
    with yard.worker():

        def look() -> None:
            ((held, answered),) = yard.desk().connection.run("SELECT file, answer FROM huisclos_work.files")
            assert held
            assert answered
            dumps.append(
                postgresql.run("pg_dump", "-h", "127.0.0.1", "-p", postgresql.port, "-U", "postgres", name_of(yard))
            )
            dumps.append(postgresql.bytes_of(name_of(yard)))

        assert handed(yard, WORK, look)
    assert b"huisclos_work" in dumps[0]
    for whole in (*dumps, postgresql.log.read_bytes()):
        for form in (CANARY, CANARY.upper(), CANARY.encode().hex(), CANARY.encode("utf-16-le").hex()):
            assert form.encode() not in whole


def test_the_queue_holds_nothing_but_drawn_ids(yard: Yard) -> None:  # noqa: F811 - the fixture
    held = Held()
    with yard.worker(embedder=held):
        yard.workers._places_until = 0
        thread = threading.Thread(target=lambda: yard.workers.passages(WORK, threading.Event()))
        thread.start()
        assert held.come.wait(60)
        rows = yard.desk().connection.run("SELECT payload, headers, dedupe_key FROM huisclos_work.queue")
        assert rows
        held.go_on.set()
        thread.join()
    for payload, headers, dedupe_key in rows:
        assert re.fullmatch(rb"[0-9a-f]{32}", bytes(payload))
        assert headers is None
        assert dedupe_key is None
    ((told,),) = yard.desk().connection.run("SELECT count(*) FROM huisclos_work.queue_log WHERE traceback IS NOT NULL")
    assert told == 0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE huisclos_work.files SET answer = file",
        "UPDATE huisclos_work.files SET answer = set_byte(answer, 99, (get_byte(answer, 99) + 1) % 256)",
        "UPDATE huisclos_work.files SET answer = substr(answer, 1, length(answer) - 20)",
        "UPDATE huisclos_work.files SET answer = decode('01', 'hex')",
        "UPDATE huisclos_work.files SET answer = (SELECT kept.answer FROM public.kept)",
        "DELETE FROM huisclos_work.files",
    ],
    ids=["the file itself", "a byte", "its end", "another format", "that of another file", "none"],
)
def test_an_answer_that_no_worker_gave_is_not_taken(yard: Yard, change: str) -> None:  # noqa: F811 - the fixture
    run = yard.desk().connection.run
    run("CREATE TABLE public.kept (answer bytea)")
    with yard.worker():
        assert handed(
            yard, WORK, lambda: run("INSERT INTO public.kept SELECT answer FROM huisclos_work.files") and None
        )
        assert handed(yard, Work("other.txt", 0, False, b"The other contract."), lambda: None)
        assert handed(yard, WORK, lambda: run(change)) is None


def test_a_load_whose_answers_are_exchanged_brings_in_what_the_files_say(
    yard: Yard,  # noqa: F811 - the fixture
    late: Held,  # noqa: F811 - the fixture
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for each in range(8):
        (folder / f"{each}.txt").write_text(f"contract number{each} ends in year{each}")
    take_back, kept = Desk.take_back, [b""]

    def exchanged(desk: Desk, identifier: str) -> bytes | None:
        kept.append(take_back(desk, identifier) or b"")
        if len(kept) > 3:
            late.go_on.set()
        return kept[-2]

    monkeypatch.setattr(Desk, "take_back", exchanged)
    with yard.worker():
        yard.workers._places_until = 0
        assert set(yard.shelf.states(folder).values()) == {"indexed"}
    assert len(kept) > 3
    for each in range(8):
        assert yard.shelf.find(f"number{each}") == {f"{each}.txt": f"contract number{each} ends in year{each}"}


def test_the_role_of_workers_reaches_their_tables_and_no_others(yard: Yard, postgresql: Server) -> None:  # noqa: F811
    postgresql.tell(f"CREATE ROLE at_work LOGIN PASSWORD '{postgresql.password}'")
    try:
        yard.workers.make_ready("at_work", is_renewed=False)
        url = yard.store.database.replace("huisclos@", "at_work@")
        server = server_of(yard.server.model_copy(update={"store": yard.store.model_copy(update={"database": url})}))
        desk = Desk(Connection(lambda: connect(server)))
        desk.sign_in("1", "w", "r", 2, 0)
        assert desk.answered() == {}
        for table in ("documents", "passages", "collections", "users", "audit"):
            with pytest.raises(DeskLost) as refused:
                desk.connection.run(f"SELECT * FROM {table}")
            assert refused.value.code in ("42501", "42P01")
        for statement in ("DROP SCHEMA huisclos_work CASCADE", "TRUNCATE huisclos_work.files"):
            with pytest.raises(DeskLost) as refused:
                desk.connection.run(statement)
            assert refused.value.code == "42501"
        desk.connection.close()
    finally:
        postgresql.tell("DROP OWNED BY at_work", database=name_of(yard))
        postgresql.tell("DROP ROLE at_work")


def test_a_worker_holds_no_key_of_the_house(yard: Yard) -> None:  # noqa: F811 - the fixture
    """What the file holds opens what was handed over; it differs from every other key."""
    version, secret = yard.shelf.keyring.workers_secret()
    assert yard.key_file.read_text().split(" | ")[1:] == [str(version), f"{secret.hex()}\n"]
    assert yard.key_file.stat().st_mode & 0o777 == 0o600
    opened = yard.shelf.keyring._unwrapped
    others = [opened(owner) for owner in ("system", "audit", f"collection:{yard.shelf.collection_id}")]  # type: ignore[arg-type]
    assert all(secret not in each.values() for each in others)
