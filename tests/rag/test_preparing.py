"""Files are made ready ahead of their turn, within bounds, at a lower priority, in order."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rag import preparing, reading
from rag.folders import FoundFile, survey
from rag.preparing import Known, Prepared, Preparer, Ready, Refused
from rag.store.values import Fingerprint
from tests.rag.conftest import WordEmbedder

NOTHING = Known(lambda file, data: Fingerprint(file.place.encode(), data), lambda _file, _mark: False)


class Watching(WordEmbedder):
    """Notes the priority of the threads that embed."""

    def __init__(self) -> None:
        super().__init__()
        self.priorities: set[int] = set()

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.priorities.add(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return super().embed_passages(texts)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(8):
        (tmp_path / f"{number}.txt").write_text(f"Number {number}.")
    return tmp_path


@pytest.fixture
def embedder() -> Watching:
    return Watching()


@pytest.fixture
def preparer(embedder: Watching, memory_dir: Path) -> Iterator[Preparer]:
    with closing(Preparer(embedder, memory_dir)) as made:
        yield made


def test_every_file_is_ready_in_its_order_with_a_vector_a_chunk(preparer: Preparer, folder: Path) -> None:
    prepared = list(preparer.prepare(survey(folder).files, NOTHING))
    assert [each.file.doc for each in prepared] == [f"{number}.txt" for number in range(8)]
    for each in prepared:
        assert isinstance(each.outcome, Ready)
        assert len(each.outcome.chunks) == len(each.outcome.vectors) == 1


def test_readers_and_embedders_give_way(preparer: Preparer, embedder: Watching, folder: Path) -> None:
    list(preparer.prepare(survey(folder).files[:1], NOTHING))
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert embedder.priorities == {max(own, 10)}


def test_what_waits_is_bounded_in_files_and_bytes(
    preparer: Preparer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    whole = preparer.one

    def watched(file: FoundFile, known: Known) -> Prepared:
        begun.append(file.doc)
        return whole(file, known)

    monkeypatch.setattr(preparer, "one", watched)
    running = preparer.prepare(survey(folder).files, NOTHING)
    next(running)
    assert len(begun) <= preparing.FILES_AHEAD
    begun.clear()
    monkeypatch.setattr(preparing, "BYTES_AHEAD", 1)
    alone = preparer.prepare(survey(folder).files, NOTHING)
    next(alone)
    assert begun.count("1.txt") == 0


def test_known_content_is_neither_parsed_nor_embedded(embedder: Watching, folder: Path, memory_dir: Path) -> None:
    known = Known(NOTHING.fingerprint, lambda file, _mark: file.doc != "3.txt")
    with closing(Preparer(embedder, memory_dir)) as preparer:
        outcomes = [each.outcome for each in preparer.prepare(survey(folder).files, known)]
        read = [isinstance(outcome, Ready) and outcome.read is not None for outcome in outcomes]
        assert read == [number == 3 for number in range(8)]
        forced = preparer.one(survey(folder).files[0], known, is_forced=True).outcome
    assert isinstance(forced, Ready)
    assert forced.read is not None


def test_a_text_over_the_limit_is_refused_before_it_is_embedded(
    preparer: Preparer, embedder: Watching, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "TEXT_CHARACTERS_MAX", 5)
    outcome = preparer.one(survey(folder).files[0], NOTHING).outcome
    assert isinstance(outcome, Refused)
    assert "split it" in str(outcome.error)
    assert embedder.embedded == 0


def test_an_embedder_that_fails_ends_the_load_with_its_own_error(
    preparer: Preparer, embedder: Watching, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_texts: Sequence[str]) -> NDArray[np.float32]:
        raise MemoryError("no memory for an embedding context")

    monkeypatch.setattr(embedder, "embed_passages", fail)
    with pytest.raises(MemoryError, match="embedding context"):
        list(preparer.prepare(survey(folder).files, NOTHING))
