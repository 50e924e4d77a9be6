"""An index filled from the truth, and brought in step with it."""

from collections.abc import Callable

from rag.documents import DocumentId
from rag.facets import Facets
from rag.index.collection import CollectionIndex
from rag.index.contents import mark_of_title
from rag.store.documents import DocumentStore
from security.access import Grant

ReadHeld = Callable[[Grant], dict[DocumentId, Facets] | set[DocumentId]]
"""Gives the documents that the truth holds, perhaps with what is known of them."""


def fill_vectors(index: CollectionIndex, grant: Grant, store: DocumentStore) -> None:
    """Add every vector that the truth holds of the granted collection."""
    for batch in store.entries.vectors(grant):
        index.add_vectors(batch)


def fill_words(index: CollectionIndex, grant: Grant, store: DocumentStore, go_on: Callable[[], None]) -> None:
    """Add the words of the vectors that the index holds; `go_on` is called before each batch, and may raise."""
    slots = index.slots()
    for texts in store.entries.texts(grant):
        go_on()
        index.add_words(texts, slots)


def catch_up(index: CollectionIndex, grant: Grant, store: DocumentStore, read: ReadHeld) -> bool:
    """Bring an index in step with the documents that the truth holds; gives whether anything was to be done.

    `read` gives these, perhaps with what is known of them, which is compared then: opening 5,000 takes a second. It is
    called here, while nobody else changes the index: what was stored since would be taken for removed.
    """
    held = read(grant)
    facets = held if isinstance(held, dict) else {}
    marks = {name: mark_of_title(each.title) for name, each in facets.items()}
    known = index.documents
    stale = [name for name, mark in known.items() if name not in held or marks.get(name, mark) != mark]
    for name in stale:
        index.remove(name)
    missing = [name for name in held if not index.holds(name)]
    for entries in store.entries.of(grant, missing):
        index.add(entries)
    others = [name for name, each in facets.items() if index.note_facets(name, each)]
    index.lacks_facets &= not facets
    return bool(stale or missing or others)
