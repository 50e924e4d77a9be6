"""Threads that work for the house while it is served."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def running(name: str, work: Callable[[threading.Event], None]) -> Iterator[None]:
    """During the block, `work` runs in a thread of its own; at its end the event is set and it is waited for."""
    stopped = threading.Event()
    thread = threading.Thread(target=work, args=(stopped,), name=name)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
