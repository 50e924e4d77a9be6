"""A house holds what its twin holds through loads, snapshots, rotations, shreddings, crashes, restarts and restores.

The twin is a dict of dicts: texts by file by collection. After every step the truth opens whole and says the same, and
the index finds each file by its own word and by its vector, and nothing else.
"""

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from chat.admin.backup_operations import restored
from chat.admin.registry import OPERATIONS
from chat.assembly import House
from chat.opening import initialise, open_for_restore, open_house
from chat.settings import Index, Settings
from rag.index.upkeep import Upkeep
from security.access import Grant, Right
from security.errors import KeyMissing
from security.identity import OPERATOR, CollectionId
from tests.conftest import kept_process
from tests.rag.conftest import WordEmbedder

EXAMPLES, STEPS = int(os.environ.get("HUISCLOS_TEST_EXAMPLES", "4")), 12
SETTINGS = Settings(index=Index(exact_passages_max=100, snapshot_minutes=0.1))
NAMES = ("alpha", "beta")
FILES = ("one", "two", "three", "four")
CHANGES = st.tuples(st.sampled_from(["comes", "comes, long", "moves", "goes"]), *[st.sampled_from(FILES)] * 2)
LOAD = st.tuples(st.lists(CHANGES, min_size=1, max_size=3), st.booleans())
REACHED = 0.9
"""A graph over vectors that are nearly all alike does not reach each of them."""
SECTIONS = 70
"""Of a long file: two of them are more than is compared one by one."""


class HouseAndTwin(RuleBasedStateMachine):
    """One house, its folders of documents, its twin."""

    def __init__(self) -> None:
        super().__init__()
        self.closing = ExitStack()
        self.closing.enter_context(kept_process())
        self.root = Path(tempfile.mkdtemp(prefix="huisclos-twin-"))
        self.closing.callback(shutil.rmtree, self.root, ignore_errors=True)
        self.state, self.count = self.root / "state", 0
        initialise(self.state, SETTINGS)
        self.folders = {name: self.root / name for name in NAMES}
        for folder in self.folders.values():
            folder.mkdir()
        self.twin: dict[str, dict[str, str]] = {}
        self.house: House | None = None
        self.open()
        for name in NAMES:
            self.run("collection.create", name=name)
            self.twin[name] = {}

    def open(self) -> None:
        """Open the house that lies in the state folder, without weights."""
        self.opened = ExitStack()
        self.house = self.opened.enter_context(open_house(self.state, SETTINGS))
        self.house.__dict__["embedder"] = WordEmbedder()  # where cached_property keeps what it made

    def run(self, operation: str, /, **arguments: Any) -> list[dict[str, Any]]:
        """The events of an operation, as the command line and the socket run it."""
        assert self.house is not None
        return list(OPERATIONS[operation](self.house, **arguments))

    @rule(name=st.sampled_from(NAMES), loads=st.lists(LOAD, min_size=1, max_size=3))
    def load(self, name: str, loads: list[tuple[list[tuple[str, str, str]], bool]]) -> None:
        """Again and again files come, change, move and go, and the collection is brought in step with its folder."""
        for changes, is_tended in loads:
            self._load(name, changes)
            if is_tended:
                self._tend(name)

    def _load(self, name: str, changes: list[tuple[str, str, str]]) -> None:
        folder = self.folders[name]
        for what, file, other in changes:
            path = folder / f"{file}.md"
            if what == "moves" and path.exists():
                path.rename(folder / f"{other}.md")
            elif what == "goes":
                path.unlink(missing_ok=True)
            else:
                self._write(path, SECTIONS if what == "comes, long" else 1)
        if not any(folder.iterdir()):  # an empty folder is taken for a drive that is not there
            self._write(folder / "one.md", 1)
        self.run("collection.load", name=name, path=str(folder))
        self.twin[name] = {path.name: path.read_text() for path in folder.iterdir()}

    @rule(name=st.sampled_from(NAMES))
    def rotate(self, name: str) -> None:
        """The collection is sealed anew."""
        self.run("keys.rotate", name=name)

    @rule(name=st.sampled_from(NAMES))
    def shred(self, name: str) -> None:
        """The collection is destroyed, and another of its name made."""
        assert self.house is not None
        grant = self._indexing(name)
        self.run("keys.shred_collection", name=name)
        with pytest.raises(KeyMissing):
            self.house.keyring.for_grant(grant)
        assert not (self.state / "snapshots" / grant.collection_id).exists()
        self.run("collection.create", name=name)
        self.twin[name] = {}

    @rule(how=st.sampled_from(["stops", "crashes", "crashes", "is restored"]))
    def start_again(self, how: str) -> None:
        """The house stops, or crashes, or is restored elsewhere from a backup; then it starts."""
        {"stops": self._stop, "crashes": self._crash, "is restored": self._restore}[how]()
        self.open()

    def _stop(self) -> None:
        self.opened.close()

    def _crash(self) -> None:
        """What lies on the disk now is all that is left; the process and its memory are gone."""
        copy = self.root / f"state-{self._next()}"
        shutil.copytree(self.state, copy)
        self.opened.close()
        self.state = copy

    def _restore(self) -> None:
        backup, fresh = self.root / f"backup-{self._next()}", self.root / f"state-{self._next()}"
        self.run("backup", file=str(backup))
        shutil.copytree(self.state / "keys", fresh / "keys")
        self.opened.close()
        with open_for_restore(fresh, SETTINGS) as house:
            assert list(restored(house, backup))[-1]["damaged"] == []
        self.state = fresh

    @invariant()
    def holds_what_its_twin_holds(self) -> None:
        """The truth, whole, and the index."""
        house = self.house
        assert house is not None
        assert {record.name for record in house.collections.list()} == set(self.twin)
        for name, files in self.twin.items():
            grant, reading = self._indexing(name), self._reading(name)
            assert house.documents.integrity.look(grant) == ()
            infos = {info.path: info for info in house.documents.documents(reading)}
            originals = {path: b"".join(house.documents.original(reading, info.id)) for path, info in infos.items()}
            assert {path: content.decode() for path, content in originals.items()} == files
            entries = [entry for batch in house.documents.entries.all(grant) for entry in batch]
            found = house.index.search_dense(reading, WordEmbedder().embed_queries(["part"])[0], 1000)
            ids = {entry.passage_id for entry in entries}
            assert set(found) <= ids
            assert len(found) >= len(ids) * REACHED
            for path, text in files.items():
                own = {entry.passage_id for entry in entries if entry.document_id == infos[path].id}
                word = text.split()[4]
                assert set(house.index.search_lexical(reading, word, 1000)) == own

    def teardown(self) -> None:
        """Nothing stays."""
        self.opened.close()
        self.closing.close()

    def _tend(self, name: str) -> None:
        """The index is sealed."""
        assert self.house is not None
        self.house.index.tend(self._indexing(name), self.house.documents)

    def _write(self, path: Path, sections: int) -> None:
        word = f"wombat{self._next()}"
        path.write_text("\n".join(f"# Part {part}\n\nA {word} of part {part}.\n" for part in range(sections)))

    def _next(self) -> int:
        self.count += 1
        return self.count

    def _id(self, name: str) -> CollectionId:
        assert self.house is not None
        found = self.house.collections.find(name)
        assert found
        return found.id

    def _indexing(self, name: str) -> Grant:
        assert self.house is not None
        return self.house.policy.for_indexing(self._id(name))

    def _reading(self, name: str) -> Grant:
        assert self.house is not None
        return self.house.policy.grant(OPERATOR, self._id(name), Right.READ)


@pytest.mark.timeout(3600)
def test_a_house_holds_what_its_twin_holds_whatever_comes(
    process_as_it_was: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Upkeep, "start", lambda _: None)  # it is tended at moments that are drawn
    run_state_machine_as_test(
        HouseAndTwin,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
