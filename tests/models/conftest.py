"""What the tests of weights share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.settings import Settings
from models.catalogue import ModelEntry
from models.embedder import Embedder, open_embedder
from models.store import ModelStore
from tests.models.small import write_gguf


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_gguf(tmp_path / "tiny-q4.gguf")


@pytest.fixture(scope="session")
def store() -> ModelStore:
    """The weights that `huisclos models pull --for-tests` fetched."""
    return ModelStore(Settings().models.folder)


@pytest.fixture(scope="session")
def small_generator(store: ModelStore) -> Path:
    return store.path(store.entry("qwen2.5-coder-0.5b-instruct"))


@pytest.fixture(scope="session")
def embedding_entry(store: ModelStore) -> ModelEntry:
    return store.entry("multilingual-e5-small")


@pytest.fixture(scope="session")
def embedding_weights(store: ModelStore, embedding_entry: ModelEntry) -> Path:
    return store.path(embedding_entry)


@pytest.fixture(scope="module")
def embedder(embedding_weights: Path, embedding_entry: ModelEntry) -> Iterator[Embedder]:
    embedder = open_embedder(embedding_weights, embedding_entry, contexts=2)
    yield embedder
    embedder.close()
