"""A worker as a process: what it opens, and in which order it ends."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from chat.assembly import model_store
from chat.errors import SettingsWrong, StateInUse
from chat.opening import memory_folder
from chat.postgresql import connect, server_of
from chat.settings import Settings
from chat.workers.dispatching import reads_with
from chat.workers.key_file import read_key
from chat.workers.worker import Worker
from models.catalogue import Task
from models.embedder import open_embedder
from rag.reading import FileReading
from security.hygiene import harden_process


def run_worker(
    state: Path, settings: Settings, key_file: Path, name: str, places: int, tell: Callable[[str], None]
) -> None:
    """Work for the house whose database the settings name, until KeyboardInterrupt.

    Raises SettingsWrong, WorkerKeyUnusable, StateInUse where a worker of that name runs here.
    """
    if not settings.store.database:
        raise SettingsWrong("setting store.database names no database; a worker works at that of its house")
    server, key = server_of(settings), read_key(key_file)
    models = model_store(settings)
    entry, stopped = models.chosen(Task.EMBED), threading.Event()
    with (
        _memory(settings.memory_for(state), name) as memory,
        closing(open_embedder(models.path(entry), entry)) as embed,
    ):
        tessdata = models.tessdata()
        reads = reads_with(entry, reads_scans=tessdata is not None)
        with closing(FileReading(embed, memory, stopped, tessdata=tessdata)) as reading:
            worker = Worker(lambda: connect(server), key, reading, reads, name, places, tell)
            thread = threading.Thread(target=worker.run, args=(stopped,), name="worker")
            thread.start()
            try:
                thread.join()
            finally:
                stopped.set()
                reading.cancel()
                thread.join()


def own_name() -> str:
    """The name of this machine."""
    return socket.gethostname()


@contextmanager
def _memory(house_folder: Path, name: str) -> Iterator[Path]:
    """A memory-backed folder beside that of a house, held by this process."""
    folder = house_folder.with_name(f"{house_folder.name}-worker-{name}")
    lock = FileLock(folder.with_name(f"{folder.name}.lock"), timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout as error:
        raise StateInUse(f"a worker named {name} runs on this machine; give this one another --name") from error
    try:
        with memory_folder(folder) as memory:
            harden_process(memory)
            yield memory
    finally:
        lock.release()
