"""Claim: who runs the database server reads no content: not in a dump, its files, its logs of changes and statements.

Every canary begins with one tag: one needle, in every form that a careless program leaves it in.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from chat.admin.operations import Event
from chat.admin.registry import OPERATIONS
from chat.assembly import House
from chat.conversations import ThreadId
from chat.opening import initialise, open_house
from rag.store.reports import Report
from security.access import Right
from security.identity import Principal
from tests.attacks.planted import FILE_NAME, Planted
from tests.attacks.scan import Finding, scan, vector_blocks
from tests.attacks.whole import Canaries
from tests.conftest import kept_process
from tests.postgresql import Server
from tests.rag.conftest import WordEmbedder

VALUES_MIN = 30
"""Sealed values that a dump must hold for the scan to mean something."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A database after a house has worked with it, and what must not be found."""

    name: str
    words: tuple[str, ...]
    blocks: NDArray[np.uint64]
    an_id: str


class Remembering(WordEmbedder):
    """Keeps the vectors it gave."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[NDArray[np.float32]] = []

    def _vector(self, text: str) -> NDArray[np.float32]:
        vector = super()._vector(text)
        self.given.append(vector)
        return vector


def work(house: House, planted: Planted, canaries: Canaries) -> str:
    """Everything that puts words into the truth; gives a collection's id."""

    def run(operation: str, /, **arguments: Any) -> list[Event]:
        return list(OPERATIONS[operation](house, **arguments))

    for name, documents in planted.folders.items():
        run("collection.create", name=name)
        rows = run("collection.load", name=name, path=str(documents), release=[FILE_NAME])
        assert {row["state"] for row in rows} == {"indexed"}, rows
    for person in (planted.ada, planted.bob):
        run("user.add", name=person, password=canaries("password"))
    group = canaries("group")
    run("group.add", name=group)
    run("group.join", name=group, users=[planted.ada, planted.bob])
    run("collection.grant", name=planted.archive, group=group)
    assert run("search", collection=planted.archive, question=planted.question, user=planted.ada)
    ada = house.directory.find_user(planted.ada)
    assert ada is not None
    converse(house, ada.principal, canaries)
    judge(house, planted, canaries)
    run("keys.rotate", name=planted.archive)
    run("keys.shred_person", name=planted.bob)
    return str(run("collection.list")[0]["id"])


def judge(house: House, planted: Planted, canaries: Canaries) -> None:
    """A report of Ada's, an owner's question, and a run of it."""
    ada, record = house.directory.find_user(planted.ada), house.collections.find(planted.archive)
    assert ada
    assert record
    grant = house.policy.grant(ada.principal, record.id, Right.READ)
    report = Report(False, canaries("comment"), canaries("question"), canaries("answer"), "", "small", ())
    house.documents.quality.reports.send(grant, ada.id, "answer", report)
    list(OPERATIONS["question.add"](house, name=planted.archive, text=canaries("question"), is_unanswerable=True))
    list(OPERATIONS["eval"](house, name=planted.archive))


def converse(house: House, person: Principal, canaries: Canaries) -> None:
    thread = ThreadId("thread")
    house.directory.open_session(person)
    house.conversations.put(person, thread, canaries("conversation"), {"collections": [canaries("choice")]})
    house.conversations.put_step(person, thread, "question", {"output": canaries("question")})
    house.conversations.put_step(person, thread, "answer", {"output": canaries("answer")})
    house.conversations.put_step(person, thread, "answer", {"output": canaries("answer, changed")})
    house.conversations.rate(person, "answer", 0, canaries("comment"))


@pytest.fixture(scope="module")
def filled(
    postgresql: Server, migrated: str, planted: Planted, canaries: Canaries, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Filled]:
    name, embedder = postgresql.make_database(migrated), Remembering()
    postgresql.log_all(name)
    state, settings = tmp_path_factory.mktemp("dumped") / "state", postgresql.settings(name)
    with kept_process():
        initialise(state, settings)
        with open_house(state, settings) as house:
            house.__dict__["embedder"] = embedder  # where cached_property keeps it: weights are not what is tried here
            an_id = work(house, planted, canaries)
        with open_house(state, settings) as again:
            assert len(again.collections.list()) == len(planted.folders)
    yield Filled(name, (canaries.tag,), vector_blocks(np.stack(embedder.given)), an_id)
    postgresql.drop_database(name)


def dumped(postgresql: Server, name: str, folder: Path) -> tuple[Path, Path]:
    """A dump as it is, and the bytes that its hexadecimal values stand for."""
    text, values = folder / f"{name}.sql", folder / f"{name}.bytes"
    text.write_bytes(postgresql.run("pg_dump", "-h", "127.0.0.1", "-p", postgresql.port, "-U", "postgres", name))
    values.write_bytes(decoded(text.read_bytes()))
    return text, values


def decoded(content: bytes) -> bytes:
    """What the hexadecimal values in a text of the server's stand for, one after the other."""
    return b"\n".join(bytes.fromhex(value.decode()) for value in re.findall(rb"\\x((?:[0-9a-f]{2})+)", content))


def server_files(postgresql: Server) -> list[Path]:
    postgresql.tell("CHECKPOINT")
    return [path for path in postgresql.folder.rglob("*") if path.is_file()]


def at(found: list[Finding], part: str) -> list[Finding]:
    return [finding for finding in found if part in str(finding.path)]


def test_enough_is_looked_for(filled: Filled, canaries: Canaries) -> None:
    kinds = {
        "collection",
        "folder",
        "file name",
        "title",
        "text",
        "user",
        "question",
        "answer",
        "comment",
        "conversation",
    }
    assert set(canaries.kinds.values()) >= kinds | {"password", "choice"}
    assert len(filled.blocks) > 100


def test_a_dump_holds_no_word_and_no_vector(postgresql: Server, filled: Filled, inputs: Path) -> None:
    text, values = dumped(postgresql, filled.name, inputs)
    assert filled.an_id.encode() in text.read_bytes()
    assert values.read_bytes().count(b"\n") >= VALUES_MIN
    assert scan([text, values], filled.words, filled.blocks) == []


def test_the_servers_files_hold_no_word_and_no_vector(postgresql: Server, filled: Filled, inputs: Path) -> None:
    """Tables, the write-ahead log, statistics, and a log of every statement with its values."""
    files = server_files(postgresql)
    holding = {part for path in files for part in ("base", "pg_wal") if f"/{part}/" in str(path)}
    assert holding == {"base", "pg_wal"}
    log = postgresql.log.read_bytes()
    assert b"INSERT INTO passages" in log
    assert b"DETAIL:  parameters: " in log
    assert filled.an_id.encode() in log
    logged = inputs / "logged.bytes"
    logged.write_bytes(decoded(log))
    assert logged.stat().st_size > 10_000
    assert scan([*files, logged], filled.words, filled.blocks) == []


def test_the_scan_finds_what_a_careless_house_would_have_left(
    postgresql: Server, filled: Filled, canaries: Canaries, inputs: Path
) -> None:
    """The same word and vector, written in clear by somebody who does not seal."""
    assert filled.words
    name, word = postgresql.make_database(), f"{canaries.tag}-careless"
    postgresql.log_all(name)
    vector = np.random.default_rng(5).standard_normal(64).astype(np.float32)
    value = word.encode().hex() + vector.astype("<f2").tobytes().hex()
    clear = "CREATE TABLE careless AS SELECT decode(%s, 'hex') AS body"
    connection = postgresql.connect(name)
    connection.cursor().execute(clear, (value,))
    connection.close()
    blocks = vector_blocks(vector[None])
    dump = scan(dumped(postgresql, name, inputs), [canaries.tag], blocks)
    assert {finding.what for finding in at(dump, ".bytes")} >= {f"{canaries.tag} as utf-8", "bytes of a vector"}
    left = scan(server_files(postgresql), [canaries.tag], blocks)
    assert at(left, "/base/")
    assert at(left, "/pg_wal/")
    assert at(left, "server.log")
    postgresql.drop_database(name)
