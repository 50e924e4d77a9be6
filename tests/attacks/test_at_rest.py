"""Claim: nothing readable reaches a disk: no name, text, question, answer, comment, person or vector, killed or not."""

import base64
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from chat.database import open_database
from chat.opening import DATABASE, KEY_FILE
from chat.settings import load_settings
from models.embedder import open_embedder
from models.store import ModelStore
from rag.store.collections import CollectionStore
from rag.store.documents import DocumentStore
from security.access import AccessPolicy
from security.directory import Directory
from security.keystore import open_keyring
from security.sealing import HEADER_BYTES
from security.slots import KeyFile
from tests.attacks.planted import Planted
from tests.attacks.scan import files_since, scan, vector_blocks
from tests.attacks.whole import TEST_SECONDS_MAX, Attacked, Canaries

pytestmark = [pytest.mark.model, pytest.mark.timeout(TEST_SECONDS_MAX)]
WORDS_MIN = 50
SLICE_CHARACTERS = 24
DIMENSIONS = 384
STREAM_FORMAT = 2
NONE = np.empty(0, np.uint64)


@dataclass(frozen=True, slots=True)
class Left:
    """What was said before the server was killed, its vectors, and a folder in memory with its snapshots opened."""

    words: tuple[str, ...]
    vectors: NDArray[np.float32]
    opened: Path
    limits: str
    findings: tuple[str, ...]


@pytest.fixture(scope="module")
def left(house: Attacked, planted: Planted, canaries: Canaries) -> Iterator[Left]:
    """Ask on the page and on the command line, rate, rename, ask again, and kill the server while it answers."""
    with house.signed_in(planted.ada) as ada:
        chat = ada.chat()
        answer = chat.ask(f"{planted.question} {canaries('question')}")
        chat.settle()
        thread = ada.threads()[0]["id"]
        ada.client.put("/chat/project/thread", json={"threadId": thread, "name": canaries("conversation")})
        step = next(step["id"] for step in ada.steps(thread) if step["type"] == "assistant_message")
        feedback = {"forId": step, "value": 0, "comment": f"{canaries('comment')} is wrong"}
        rated = ada.client.put("/chat/feedback", json={"feedback": feedback, "sessionId": chat.session_id})
        assert rated.status_code == 200
        chat.settle()
        assert f"/feedback/{step}" in chat.heard
        assert canaries.tag in ada.client.get(f"/feedback/{step}").text
        assert ada.client.post(f"/feedback/{step}").status_code == 200
        told = house.run(
            "ask", "-c", planted.archive, "--as", planted.ada, f"{planted.question} {canaries('question')}"
        )
        assert house.process is not None
        limits = Path(f"/proc/{house.process.pid}/limits").read_text()
        findings = tuple(row["subject"] for row in house.operate("doctor") if row["is_fine"])
        chat.emit("client_message", {"message": chat.message(f"{planted.question} {canaries('question')}")})
        chat.wait_for("task_start")
        time.sleep(1)
        house.process.kill()
        house.process.wait()
        house.process = None
    words = (canaries.tag, *slices(answer, planted.amount), *slices(told, planted.amount))
    opened = Path(tempfile.mkdtemp(prefix="huisclos-opened-", dir="/dev/shm"))
    yield Left(words, opened_snapshots(house, opened), opened, limits, findings)
    shutil.rmtree(opened)
    if house.process is None:
        house.start()


def slices(text: str, amount: str) -> Iterator[str]:
    """Pieces of an answer, around a number that was drawn for this run."""
    for line in text.splitlines():
        if amount in line and len(line) >= SLICE_CHARACTERS:
            place = max(0, line.index(amount) - SLICE_CHARACTERS // 2)
            yield line[place : place + SLICE_CHARACTERS]


def opened_snapshots(house: Attacked, folder: Path) -> NDArray[np.float32]:
    """The vectors as the killed server sealed them, from all snapshots opened below a folder in memory."""
    keyring, engine = open_keyring(house.state, KeyFile(house.state / KEY_FILE)), open_database(house.state / DATABASE)
    store = DocumentStore(engine, keyring, house.state / "originals")
    policy, found = AccessPolicy(Directory(engine, keyring)), list[NDArray[np.float32]]()
    for collection in CollectionStore(engine, keyring).list():
        _, files = store.snapshots.open(policy.for_indexing(collection.id), "index", folder / collection.id)
        found.append(np.frombuffer(files["newest"].read_bytes(), np.float32).reshape(-1, DIMENSIONS))
    engine.dispose()
    return np.concatenate(found)


def test_enough_is_looked_for(canaries: Canaries, left: Left) -> None:
    assert len(canaries.kinds) >= WORDS_MIN
    kinds = {"collection", "folder", "file name", "title", "text", "user", "question", "comment", "conversation"}
    assert set(canaries.kinds.values()) >= kinds
    assert len(left.words) > 2
    assert len(left.vectors) >= 8


def test_the_vectors_looked_for_are_those_of_the_embedder(left: Left, planted: Planted) -> None:
    settings = load_settings(Path("/nowhere"), {})
    store = ModelStore(settings.models.folder)
    entry = store.entry("multilingual-e5-small")
    embedder = open_embedder(store.path(entry), entry)
    near = left.vectors @ embedder.embed_queries([planted.question])[0]
    embedder.close()
    assert left.vectors.shape[1] == DIMENSIONS
    assert near.max() > 0.8


def test_the_scan_finds_vectors_where_memory_holds_them(house: Attacked, left: Left) -> None:
    """What the killed server sealed, opened, shows that the scan sees; an empty hand elsewhere means something."""
    found = scan(files_since([house.memory, left.opened], house.began), left.words, vector_blocks(left.vectors))
    assert any(item.what == "bytes of a vector" for item in found)


@pytest.mark.parametrize("form", ["utf-8", "utf-16-le", "utf-16-be", "hexadecimal", "base64", "float32", "float16"])
def test_the_scan_finds_what_is_planted(inputs: Path, canaries: Canaries, left: Left, form: str) -> None:
    word, vector = canaries("control"), left.vectors[3]
    before = b"some 13 bytes"
    content = {
        "hexadecimal": word.encode().hex().encode(),
        "base64": base64.b64encode(before + word.encode() + b"and more after"),
        "float32": vector.astype("<f4").tobytes()[103:119],
        "float16": vector.astype("<f2").tobytes()[51:67],
    }.get(form) or word.upper().encode(form)
    (inputs / "planted").write_bytes(before + content + b"rest of the file")
    found = scan([inputs / "planted"], [canaries.tag], vector_blocks(left.vectors))
    assert {item.path for item in found} == {inputs / "planted"}


def test_the_scan_finds_names_of_files(inputs: Path, canaries: Canaries) -> None:
    path = inputs / f"a-{canaries.tag}.md"
    path.touch()
    assert [item.what for item in scan([path], [canaries.tag], NONE)] == [f"{canaries.tag} as utf-8 in its name"]


def test_nothing_stands_readable_under_the_state_folder_and_the_temporary_folders(house: Attacked, left: Left) -> None:
    state = list(files_since([house.state], 0))
    assert {"truth.db", "lock"} <= {path.name for path in state}
    assert sum(path.stat().st_size for path in state) > 100_000
    elsewhere = list(files_since([Path("/tmp"), Path("/var/tmp"), house.log.parent], house.began))
    found = scan([*state, *elsewhere], left.words, vector_blocks(left.vectors))
    assert found == []


def test_originals_and_snapshots_are_sealed_streams_that_do_not_compress(house: Attacked, left: Left) -> None:
    """Tantivy squeezes words, so that a scan for them would not see its files in clear."""
    sealed = [path for name in ("originals", "snapshots") for path in files_since([house.state / name], 0)]
    assert {path.parent.parent.name for path in sealed} == {"originals", "snapshots"}
    for path in sealed:
        content = path.read_bytes()
        assert content[0] == STREAM_FORMAT
        assert len(zlib.compress(content[HEADER_BYTES:])) >= len(content) - HEADER_BYTES, path
    plain = b"".join(path.read_bytes() for path in left.opened.rglob("*") if path.parent.name == "words")
    assert len(zlib.compress(plain)) < len(plain)


def test_a_crash_leaves_no_image_of_the_memory(left: Left) -> None:
    limits = next(line.split() for line in left.limits.splitlines() if line.startswith("Max core file size"))
    assert limits[4:6] == ["0", "0"]
    assert "core dumps" in left.findings


def test_what_a_kill_left_in_memory_is_gone_at_the_next_start(house: Attacked, left: Left) -> None:
    """It lies in memory, not on a disk; until the next start its owner alone may read it."""
    assert left.vectors.size
    held = {path: path.stat().st_ino for path in house.memory.rglob("*") if path.is_file()}
    assert any(path.parent.name == "words" for path in held)
    assert house.memory.stat().st_mode & 0o777 == 0o700
    marker = house.memory / "tmp" / "left-behind"
    marker.write_text("x")
    house.start()
    assert not marker.exists()
    house.stop()
    assert not house.memory.exists()
    house.start()
