"""Whatever happens to a folder, the collection equals a plain dictionary of it after the next load."""

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from rag.errors import FolderMissing
from tests.rag.conftest import Shelf

NAMES = st.sampled_from(["a.txt", "b.txt", "A.txt", "sub/a.txt", "sub/deep/c.txt"])
TEXTS = st.sampled_from(["apple", "pear", "plum", "", "apple pear"])


class Folder(RuleBasedStateMachine):
    """A folder and its twin, place to text. Each run begins with an empty folder and an emptied collection."""

    shelf: ClassVar[Shelf]

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="huisclos-test-"))
        self.twin: dict[str, str] = {}
        self.loaded: dict[str, str] = {}

    @initialize()
    def begin(self) -> None:
        ids = [info.id for info in self.shelf.documents.documents(self.shelf.reading)]
        self.shelf.documents.forget(self.shelf.managing, ids)
        self.shelf.index.drop(self.shelf.collection_id)

    @rule(name=NAMES, text=TEXTS)
    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)
        self.twin[name] = text

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)
        self.twin.pop(name, None)

    @rule(name=NAMES, other=NAMES)
    def move(self, name: str, other: str) -> None:
        if name in self.twin and name != other:
            (self.root / other).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).replace(self.root / other)
            self.twin[other] = self.twin.pop(name)

    @rule()
    def load(self) -> None:
        with suppress(FolderMissing):
            ended = self.shelf.load(self.root)
            assert set(ended) == set(self.twin)
            assert {doc for doc, file in ended.items() if file.state == "empty"} == self._without_text()
            self.loaded = {name: text for name, text in self.twin.items() if text}
            return
        assert not self.twin

    @rule()
    def restart(self) -> None:
        self.shelf.index.rebuild(self.shelf.indexing, self.shelf.documents)

    @invariant()
    def the_collection_is_what_was_loaded_last(self) -> None:
        found = {info.path: info for info in self.shelf.documents.documents(self.shelf.reading)}
        assert set(found) == set(self.loaded)
        for word in ("apple", "pear", "plum"):
            holding = {name for name, text in self.loaded.items() if word in text}
            assert set(self.shelf.find(word)) == holding
        assert self.shelf.vectors_held() == len(self.loaded)
        kept = self.shelf.state / "originals" / self.shelf.collection_id
        assert {path.name for path in kept.glob("*")} == {info.id for info in found.values()}

    def _without_text(self) -> set[str]:
        return {name for name, text in self.twin.items() if not text}

    def teardown(self) -> None:
        shutil.rmtree(self.root)


@pytest.mark.timeout(200)
def test_a_collection_equals_its_folder_after_every_load(shelf: Shelf) -> None:
    bounds = settings(
        max_examples=6,
        stateful_step_count=12,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(type("OnShelf", (Folder,), {"shelf": shelf}), settings=bounds)
