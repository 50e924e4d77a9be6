"""A desk on a real server, a shelf whose loads use it, and workers on threads of this process."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from chat.postgresql import connect, server_of
from chat.settings import Settings, Store
from chat.workers.desk import Desk
from chat.workers.dispatching import Workers
from chat.workers.key_file import read_key, write_key
from chat.workers.worker import Worker
from rag.loading import Loader
from rag.reading import FileReading, PassageEmbedder
from tests.rag.conftest import Shelf, WordEmbedder, memory_dir, shelf  # noqa: F401 - fixtures

READS = "this release and these weights"
WAIT_SECONDS = 90


def soon(is_so: Callable[[], object]) -> None:
    """Wait until something is so, for a while at most."""
    until = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < until, "it did not come to that in time"
        time.sleep(0.05)


@dataclass
class Held:
    """An embedder that waits at its first passage until it is let go on."""

    embedder: WordEmbedder = field(default_factory=WordEmbedder)
    come: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.come.set()
        assert self.go_on.wait(WAIT_SECONDS)
        return self.embedder.embed_passages(texts)

    def count_tokens(self, text: str) -> int:
        return self.embedder.count_tokens(text)


@dataclass
class Yard:
    """A house with workers: what stands in for its machine, and the way to start workers beside it."""

    shelf: Shelf
    store: Store
    workers: Workers
    key_file: Path
    said: list[str] = field(default_factory=list)
    stops: dict[str, threading.Event] = field(default_factory=dict)

    @property
    def server(self) -> Settings:
        return Settings(store=self.store)

    def desk(self) -> Desk:
        """The desk as whoever runs the server sees it."""
        desk = self.workers._desk
        assert desk is not None
        return desk

    @contextmanager
    def worker(
        self, name: str = "one", *, reads: str = READS, embedder: PassageEmbedder | None = None
    ) -> Iterator[Worker]:
        """A worker that lives during the block, signed in."""
        server, stopped = server_of(self.server), threading.Event()
        self.stops[name] = stopped
        with ExitStack() as stack:
            folder = self.shelf.memory / name
            folder.mkdir(mode=0o700)
            reading = stack.enter_context(closing(FileReading(embedder or WordEmbedder(), folder, stopped)))
            key = read_key(self.key_file)
            worker = Worker(lambda: connect(server), key, reading, reads, name, 2, self.said.append)
            thread = threading.Thread(target=worker.run, args=(stopped,))
            thread.start()
            try:
                soon(lambda: name in {each.name for each in self.workers.seen()})
                yield worker
            finally:
                stopped.set()
                reading.cancel()
                thread.join()


@pytest.fixture
def yard(shelf: Shelf, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:  # noqa: F811
    server = server_of(Settings(store=store))
    workers = Workers(lambda: connect(server), shelf.keyring, READS)
    workers.make_ready("", is_renewed=False)
    write_key(tmp_path / "workers.key", shelf.keyring)
    monkeypatch.setattr("rag.preparing.READERS", 1)  # so that there is something left for workers
    shelf.loader = Loader(shelf.documents, shelf.index, shelf.embedder, shelf.memory, elsewhere=workers)
    with closing(workers):
        yield Yard(shelf, store, workers, tmp_path / "workers.key")


@pytest.fixture
def late(yard: Yard) -> Held:
    """The house's own embedder, which has nothing to give before it is let go on: workers are first."""
    shelf, late = yard.shelf, Held()  # noqa: F811 - the fixture
    shelf.loader = Loader(shelf.documents, shelf.index, late, shelf.memory, elsewhere=yard.workers)
    return late


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "files"
    root.mkdir()
    for number in range(12):
        text = f"Kept fruit number{number}.\n\n" + "\n\n".join(f"fruit{each} of {number}" for each in range(40))
        (root / f"file{number:02}.txt").write_text(text)
    return root
