"""What tasks work with."""

from collections.abc import Callable
from dataclasses import dataclass

from models.generation import Generator
from rag.index.memory import MemoryIndex
from rag.retrieval.search import Searcher
from rag.store.documents import DocumentStore


@dataclass(frozen=True, slots=True)
class Tools:
    """The parts of a house that tasks use; engines are opened by the first task that needs them."""

    documents: DocumentStore
    index: MemoryIndex
    searcher: Callable[[], Searcher]
    generator: Callable[[], Generator]
