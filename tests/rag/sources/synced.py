"""A source brought in, and what was fetched of it."""

from contextlib import closing

import pytest

from rag.folders import FoundFile
from rag.sources.source import Source
from tests.rag.conftest import Shelf


def sync(shelf: Shelf, source: Source) -> dict[str, str]:
    """Bring the collection in step, and close the source; gives how each file ended."""
    with closing(source):
        return {file.doc: file.state.value for file in shelf.loader.load(shelf.managing, source)}


def noted_reads(source: Source, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The places that are read from now on."""
    fetched: list[str] = []
    whole = source.read

    def noted(file: FoundFile) -> FoundFile:
        fetched.append(file.place)
        return file

    monkeypatch.setattr(source, "read", lambda file, most: whole(noted(file), most))
    return fetched
