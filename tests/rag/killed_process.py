"""A load, a snapshot, a rotation or the destruction of a key in a process of its own, to be killed; tells what it did.

Arguments: what, state, secret, memory, folder. Lines: `held PATH` and `gone PATH` once that is so, `going PATH` before
it may be, `done` at the end; other lines tell how far it is.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chat.database import compact, open_database
from rag.index.memory import MemoryIndex
from rag.loading import Loader
from rag.reconciling import FileState
from rag.store.collections import CollectionStore
from rag.store.documents import DocumentStore
from security.access import AccessPolicy, Grant, Right
from security.identity import OPERATOR
from security.keystore import open_keyring
from security.slots import KeyFile
from tests.rag.conftest import EverybodyMay, WordEmbedder

EXACT_PASSAGES_MAX = 40
"""Few, so that there is a graph."""
ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Opened:
    """The collection `shelf` of a state folder."""

    store: DocumentStore
    index: MemoryIndex
    loader: Loader
    policy: AccessPolicy
    grant: Grant

    def tend(self) -> None:
        """Seal its index, making anew what has to be."""
        self.index.tend(self.policy.for_indexing(self.grant.collection_id), self.store)


def main() -> None:
    """Do it to the collection `shelf`."""
    what, (state, secret, memory, folder) = sys.argv[1], map(Path, sys.argv[2:])
    engine, keyring = open_database(state / "truth.db"), open_keyring(state, KeyFile(secret))
    collections = CollectionStore(engine, keyring)
    collection = collections.find("shelf")
    assert collection is not None
    policy = AccessPolicy(EverybodyMay())
    grant = policy.grant(OPERATOR, collection.id, Right.MANAGE)
    store = DocumentStore(engine, keyring, state / "originals")
    index = MemoryIndex(memory, store.snapshots, EXACT_PASSAGES_MAX)
    shelf = Opened(store, index, Loader(store, index, WordEmbedder(), memory), policy, grant)
    if what == "load":
        say_all(load(shelf, folder))
    elif what == "snapshot":
        say_all(snapshots(shelf, folder))
    elif what == "rotate":
        say_all(f"{step.done} {step.total}" for step in store.reseal(grant))
    else:
        say("begun")
        collections.remove(collection.id)
        store.remove_files(collection.id)
        compact(engine)
    say("done")


def load(shelf: Opened, folder: Path) -> Iterator[str]:
    """Bring it in step with the folder, then seal its index."""
    shelf.index.open(shelf.policy.for_indexing(shelf.grant.collection_id), shelf.store)
    yield from in_step(shelf, folder)
    shelf.tend()


def snapshots(shelf: Opened, folder: Path) -> Iterator[str]:
    """Load, seal, forget, seal, again and again."""
    shelf.index.open(shelf.policy.for_indexing(shelf.grant.collection_id), shelf.store)
    yield "opened"
    for number in range(ROUNDS):
        wanted = folder.with_name(f"extra-{number}")
        yield from in_step(shelf, wanted)
        shelf.tend()
        yield "sealed"
        names = {path.name for path in wanted.iterdir()}
        going = [info.id for info in shelf.store.documents(shelf.grant) if info.path in names]
        yield from (f"going {name}" for name in names)
        shelf.index.will_remove(shelf.grant.collection_id)
        shelf.store.forget(shelf.grant, going)
        for identifier in going:
            shelf.index.remove_document(shelf.grant.collection_id, identifier)
        yield from (f"gone {name}" for name in names)
        shelf.tend()
        yield "sealed"


def in_step(shelf: Opened, folder: Path) -> Iterator[str]:
    """The lines of a load; what its folder no longer holds is gone when it ends."""
    wanted = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    held = {info.path for info in shelf.store.documents(shelf.grant)}
    other = held - wanted if folder.name == "documents" else set()
    yield from (f"going {name}" for name in sorted(other | (wanted - held)))  # one may come in and not be told any more
    for file in shelf.loader.load(shelf.grant, folder):
        if file.state in {FileState.INDEXED, FileState.UNCHANGED}:
            yield f"held {file.doc}"
    yield from (f"gone {name}" for name in other)


def say_all(lines: Iterator[str]) -> None:
    """Each as it comes."""
    for line in lines:
        say(line)


def say(line: str) -> None:
    """A whole line, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
