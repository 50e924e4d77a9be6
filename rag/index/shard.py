"""One collection's part of the index in memory: what is searched, its locks, and what is to be done to it."""

import threading
import time
from dataclasses import dataclass, field

from rag.index.collection import CollectionIndex


@dataclass(eq=False, slots=True)
class Shard:
    """`tending` is held by what takes long, `changing`, taken after it, for a moment."""

    index: CollectionIndex
    changing: threading.Lock = field(default_factory=threading.Lock)
    tending: threading.Lock = field(default_factory=threading.Lock)
    lacks_words: bool = False
    has_old_facets: bool = False
    is_changed: bool = False
    removals: int = 0
    is_wanted: bool = False
    is_dropped: bool = False
    sealed_at: float = field(default_factory=time.monotonic)
