"""A load that is killed at any moment loses nothing that it reported, leaves nothing readable, and goes on."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine

from chat.database import open_database
from rag.documents import PassageId
from rag.store.collections import CollectionStore
from rag.store.documents import DocumentStore
from security.access import AccessPolicy, Right
from security.identity import OPERATOR, CollectionId
from security.keystore import create_keyring
from security.slots import KeyFile
from tests.rag.conftest import EverybodyMay

ROOT = Path(__file__).parents[2]
START = (
    "import sys, types; tests = sys.modules['tests'] = types.ModuleType('tests'); tests.__path__ = [sys.argv.pop(1)]; "
    "from tests.rag.loading_process import main; main()"
)
"""Some installed packages bring a `tests` of their own, which would be found first."""
FILES = 30
CANARY = "wombat"


@dataclass(frozen=True, slots=True)
class House:
    """A state folder with one collection, and a folder to load."""

    state: Path
    secret: Path
    memory: Path
    folder: Path
    engine: Engine
    store: DocumentStore
    collection_id: CollectionId

    def start(self) -> subprocess.Popen[str]:
        """Begin a load in a process of its own."""
        arguments = (self.state, self.secret, self.memory, self.folder)
        command = [sys.executable, "-c", START, str(ROOT / "tests"), *map(str, arguments)]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)

    def check(self, reported: set[str]) -> None:
        """Everything reported is held and opens: passages, vectors, original."""
        policy = AccessPolicy(EverybodyMay())
        grant = policy.grant(OPERATOR, self.collection_id, Right.READ)
        held = {info.path: info for info in self.store.documents(grant)}
        assert reported <= set(held)
        entries = [e for batch in self.store.index_entries(policy.for_indexing(self.collection_id)) for e in batch]
        opened = self.store.passages(grant, [PassageId(entry.passage_id) for entry in entries])
        assert len(opened) == len(entries) == sum(info.passages for info in held.values())
        assert {entry.document_id for entry in entries} == {info.id for info in held.values()}
        for path, info in held.items():
            assert b"".join(self.store.original(grant, info.id)) == (self.folder / path).read_bytes()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    state, folder = tmp_path / "state", tmp_path / "documents"
    state.mkdir(mode=0o700)
    folder.mkdir()
    for number in range(FILES):
        text = "\n\n".join(f"The {CANARY} of page {page} in file {number}. " * 20 for page in range(3))
        (folder / f"{CANARY}-{number:02}.md").write_text(text)
    memory = Path(tempfile.mkdtemp(prefix="huisclos-test-", dir="/dev/shm"))
    engine = open_database(state / "truth.db")
    keyring = create_keyring(state, KeyFile(tmp_path / "root.key"))
    identifier = CollectionStore(engine, keyring).create("shelf")
    store = DocumentStore(engine, keyring, state / "originals")
    yield House(state, tmp_path / "root.key", memory, folder, engine, store, identifier)
    engine.dispose()
    shutil.rmtree(memory)


def test_a_load_killed_again_and_again_keeps_what_it_reported_and_ends(house: House) -> None:
    moments = random.Random(7)
    reported: set[str] = set()
    for _ in range(3):
        process = house.start()
        reported |= _some_lines(process, moments.randint(1, 6))
        time.sleep(moments.uniform(0, 0.1))
        os.killpg(process.pid, signal.SIGKILL)
        rest, _ = process.communicate()
        reported |= _docs(rest)
        assert reported
        house.check(reported)
    last, _ = house.start().communicate()
    assert len(_docs(last)) == FILES
    house.check(_docs(last))
    originals = list((house.state / "originals" / house.collection_id).iterdir())
    assert len(originals) == FILES
    house.engine.dispose()
    written = b"".join(path.read_bytes() for path in house.state.rglob("*") if path.is_file())
    assert CANARY.encode() not in written


def _some_lines(process: subprocess.Popen[str], count: int) -> set[str]:
    assert process.stdout is not None
    return _docs("".join(process.stdout.readline() for _ in range(count)))


def _docs(lines: str) -> set[str]:
    """Documents reported in whole lines."""
    return {line.split()[1] for line in lines.splitlines(keepends=True) if line.endswith("\n")}
