"""A load in a process of its own, to be killed; prints each file that ended.

Arguments: state, secret, memory, folder.
"""

import sys
from pathlib import Path

from chat.database import open_database
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
    """Load the folder into the collection `shelf`."""
    state, secret, memory, folder = (Path(argument) for argument in sys.argv[1:])
    engine, keyring = open_database(state / "truth.db"), open_keyring(state, KeyFile(secret))
    collection = CollectionStore(engine, keyring).find("shelf")
    assert collection is not None
    grant = AccessPolicy(EverybodyMay()).grant(OPERATOR, collection.id, Right.MANAGE)
    store = DocumentStore(engine, keyring, state / "originals")
    for file in Loader(store, MemoryIndex(memory), WordEmbedder(), memory).load(grant, folder):
        sys.stdout.write(f"{file.state} {file.doc}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
