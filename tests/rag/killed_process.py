"""A load, a rotation or the destruction of a key in a process of its own, to be killed; prints each step that ended.

Arguments: what, state, secret, memory, folder.
"""

import sys
from pathlib import Path

from chat.database import compact, open_database
from rag.index.memory import MemoryIndex
from rag.loading import Loader
from rag.store.collections import CollectionStore
from rag.store.documents import DocumentStore
from security.access import AccessPolicy, Right
from security.identity import OPERATOR
from security.keystore import open_keyring
from security.slots import KeyFile
from tests.rag.conftest import EverybodyMay, WordEmbedder


def main() -> None:
    """Do it to the collection `shelf`."""
    what, (state, secret, memory, folder) = sys.argv[1], map(Path, sys.argv[2:])
    engine, keyring = open_database(state / "truth.db"), open_keyring(state, KeyFile(secret))
    collections = CollectionStore(engine, keyring)
    collection = collections.find("shelf")
    assert collection is not None
    grant = AccessPolicy(EverybodyMay()).grant(OPERATOR, collection.id, Right.MANAGE)
    store = DocumentStore(engine, keyring, state / "originals")
    if what == "load":
        index = MemoryIndex(memory, store.snapshots)
        for file in Loader(store, index, WordEmbedder(), memory).load(grant, folder):
            say(f"{file.state} {file.doc}")
    elif what == "rotate":
        for step in store.reseal(grant):
            say(f"{step.done} {step.total}")
    else:
        say("begun")
        collections.remove(collection.id)
        store.remove_files(collection.id)
        compact(engine)
        say("done")


def say(line: str) -> None:
    """A whole line, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
