"""What tasks work with."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from models.generation import Generator, OnBehalf
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

    def on_behalf(self, person: str) -> Self:
        """The same, whose model writes for one person."""
        opened = self.generator
        return replace(self, generator=lambda: OnBehalf(opened(), person))
