"""A small sealed collection to test in: a real keyring, database and index, and an embedder that counts words."""

import hashlib
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine

from rag.documents import PassageId
from rag.index.memory import MemoryIndex
from rag.loading import FileLoaded, Loader
from rag.store.collections import CollectionStore
from rag.store.documents import DocumentStore
from security.access import AccessPolicy, Grant, Right
from security.identity import OPERATOR, CollectionId, UserId
from security.keyring import Keyring
from security.keystore import create_keyring
from security.slots import KeyFile

DIMENSIONS = 32


class WordEmbedder:
    """A whole embedder in the small: words hashed into a unit vector. Counts what it embeds."""

    language_axis = None

    def __init__(self) -> None:
        self.embedded = 0
        self._lock = threading.Lock()

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with self._lock:
            self.embedded += len(texts)
        return np.stack([self._vector(text) for text in texts])

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([self._vector(text) for text in texts])

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def _vector(self, text: str) -> NDArray[np.float32]:
        row = np.full(DIMENSIONS, 1e-3, np.float32)
        for word in re.findall(r"\w+", text.lower()):
            row[hashlib.sha256(word.encode()).digest()[0] % DIMENSIONS] += 1
        return np.asarray(row / np.linalg.norm(row), np.float32)


class EverybodyMay:
    """A book of grants in which every right is held."""

    def rights(self, user_id: UserId, collection_id: CollectionId) -> frozenset[Right]:
        return frozenset({Right.READ, Right.MANAGE})

    def collections(self, user_id: UserId) -> tuple[CollectionId, ...]:
        return ()

    def is_active(self, user_id: UserId) -> bool:
        return True


@dataclass
class Shelf:
    """One collection with all that keeps it."""

    state: Path
    memory: Path
    engine: Engine
    keyring: Keyring
    collections: CollectionStore
    documents: DocumentStore
    index: MemoryIndex
    collection_id: CollectionId
    embedder: WordEmbedder = field(default_factory=WordEmbedder)
    policy: AccessPolicy = field(default_factory=lambda: AccessPolicy(EverybodyMay()))

    def __post_init__(self) -> None:
        self.loader = Loader(self.documents, self.index, self.embedder, self.memory)

    @property
    def reading(self) -> Grant:
        return self.policy.grant(OPERATOR, self.collection_id, Right.READ)

    @property
    def managing(self) -> Grant:
        return self.policy.grant(OPERATOR, self.collection_id, Right.MANAGE)

    @property
    def indexing(self) -> Grant:
        return self.policy.for_indexing(self.collection_id)

    def load(self, folder: Path) -> dict[str, FileLoaded]:
        return {file.doc: file for file in self.loader.load(self.managing, folder)}

    def states(self, folder: Path) -> dict[str, str]:
        return {doc: file.state.value for doc, file in self.load(folder).items()}

    def find(self, words: str) -> dict[str, str]:
        """Texts of the passages that hold the words, by document, from the index and the truth."""
        ids = [PassageId(name) for name in self.index.search_lexical(self.reading, words, 50)]
        return {item.document.path: item.chunk.text for item in self.documents.passages(self.reading, ids)}

    def vectors_held(self) -> int:
        near = self.index.search_dense(self.reading, self.embedder.embed_queries(["x"])[0], 100_000)
        return len(near)


@pytest.fixture
def memory_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="huisclos-test-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def shelf(tmp_path: Path, memory_dir: Path, database: Engine) -> Iterator[Shelf]:
    state, engine = tmp_path / "state", database
    state.mkdir(mode=0o700)
    keyring = create_keyring(state, KeyFile(tmp_path / "root.key"))
    collections = CollectionStore(engine, keyring)
    documents = DocumentStore(engine, keyring, state / "originals")
    index = MemoryIndex(memory_dir, documents.snapshots)
    yield Shelf(state, memory_dir, engine, keyring, collections, documents, index, collections.create("shelf"))
    index.close()
