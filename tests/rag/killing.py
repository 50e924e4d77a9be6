"""A house whose processes are killed at any moment."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from rag.documents import PassageId
from rag.store.documents import DocumentStore
from security.access import AccessPolicy, Right
from security.identity import OPERATOR, CollectionId
from security.keystore import open_keyring
from security.slots import KeyFile
from tests.rag.conftest import EverybodyMay

ROOT = Path(__file__).parents[2]
START = (
    "import sys, types; tests = sys.modules['tests'] = types.ModuleType('tests'); tests.__path__ = [sys.argv.pop(1)]; "
    "from tests.rag.killed_process import main; main()"
)
"""Some installed packages bring a `tests` of their own, which would be found first."""
FILES = 30
CANARY = "wombat"


@dataclass(frozen=True, slots=True)
class KilledHouse:
    """A state folder with one collection, and a folder to load."""

    state: Path
    secret: Path
    memory: Path
    folder: Path
    engine: Engine
    collection_id: CollectionId

    @property
    def store(self) -> DocumentStore:
        """Over the keyring as it lies on the disk now."""
        return DocumentStore(self.engine, open_keyring(self.state, KeyFile(self.secret)), self.state / "originals")

    def start(self, what: str) -> subprocess.Popen[str]:
        """Begin a load, a rotation or a shredding in a process of its own."""
        arguments = (what, self.state, self.secret, self.memory, self.folder)
        command = [sys.executable, "-c", START, str(ROOT / "tests"), *map(str, arguments)]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)

    def check(self, reported: set[str]) -> None:
        """Everything reported is held and opens: passages, vectors, original."""
        policy, store = AccessPolicy(EverybodyMay()), self.store
        grant = policy.grant(OPERATOR, self.collection_id, Right.READ)
        held = {info.path: info for info in store.documents(grant)}
        assert reported <= set(held)
        entries = [e for batch in store.index_entries(policy.for_indexing(self.collection_id)) for e in batch]
        opened = store.passages(grant, [PassageId(entry.passage_id) for entry in entries])
        assert len(opened) == len(entries) == sum(info.passages for info in held.values())
        assert {entry.document_id for entry in entries} == {info.id for info in held.values()}
        for path, info in held.items():
            assert b"".join(store.original(grant, info.id)) == (self.folder / path).read_bytes()
