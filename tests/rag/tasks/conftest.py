"""A shelf with documents and everything that tasks work with."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from models.generation import GenerationEvent, GenerationRequest, Generator
from rag.retrieval.search import Searcher
from rag.tasks.tasks import Tasks
from rag.tasks.tools import Tools
from rag.tasks.work import Delivered, Request, Task, TaskEvent, Work
from tests.rag.answering.test_answerer import Scribe
from tests.rag.conftest import Shelf


@dataclass
class Counter:
    """Tasks over one shelf."""

    shelf: Shelf
    folder: Path

    def load(self, texts: dict[str, str]) -> None:
        for name, text in texts.items():
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        self.shelf.load(self.folder)

    def tasks(self, generator: Callable[[], Generator], *, allows_without_documents: bool = False) -> Tasks:
        searcher = Searcher(self.shelf.documents, self.shelf.index, self.shelf.embedder)
        tools = Tools(self.shelf.documents, self.shelf.index, lambda: searcher, generator)
        return Tasks(tools, allows_without_documents=allows_without_documents)

    def events(self, task: Task, text: str, generator: Generator | None = None, **more: Any) -> list[TaskEvent]:
        """The events of a task; without a generator, asking one fails the test."""
        cancelled, allows = more.pop("cancelled", None), more.pop("allows_without_documents", False)

        def opened() -> Generator:
            assert generator is not None, "this task asks no model"
            return generator

        request = Request(text, **more)
        return list(
            self.tasks(opened, allows_without_documents=allows).run(task, [self.shelf.reading], request, cancelled)
        )

    def work(self, task: Task, text: str, generator: Generator | None = None, **more: Any) -> Work:
        last = self.events(task, text, generator, **more)[-1]
        assert isinstance(last, Delivered)
        for citation in last.work.citations:
            assert citation.passage.chunk.text[citation.start : citation.end] == citation.quote
        return last.work


@pytest.fixture
def counter(shelf: Shelf, tmp_path: Path) -> Counter:
    folder = tmp_path / "documents"
    folder.mkdir()
    return Counter(shelf, folder)


class Reader(Scribe):
    """A whole generator that writes something for each request."""

    def __init__(self, write: Callable[[GenerationRequest], str]) -> None:
        super().__init__("")
        self._write = write

    def generate(self, request: GenerationRequest, cancelled: threading.Event) -> Iterator[GenerationEvent]:
        self.draft = self._write(request)
        yield from super().generate(request, cancelled)
        cancelled.set()  # as the engine does at the end of a call
