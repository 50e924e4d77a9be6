"""What goes to a worker and comes back: the same on both sides, for one file alone, and nothing that no worker says."""

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import pytest

from rag.chunking import chunk_document, full_text
from rag.documents import Block, BlockKind, Member, ParsedDocument
from rag.errors import DocumentEmpty, DocumentQuarantined, DocumentRejected, ReaderFailed
from rag.handing import opened_answer, opened_work, sealed_passages, sealed_refusal, sealed_work
from rag.parsing.filetypes import MediaType
from rag.parsing.sandbox import ReadDocument
from rag.parsing.suspicion import Sign
from rag.personal.marking import marked
from rag.reading import Passages, Work
from security.errors import SealBroken
from security.sealing import Context, DataKey, frame

KEY = DataKey("workers", {1: bytes(32)})
WORK = Work(
    "sales/caf\udce9.txt", 2, True, b"\x00 IBAN FR76 3000 6000 0112 3456 7890 189", datetime(2026, 1, 2, tzinfo=UTC)
)


def passages() -> Passages:
    rows = tuple(
        Block(
            BlockKind.TABLE_ROW,
            f"{place}: +33 6 12 34 56 78",
            place,
            0,
            ((1.5, 2.0, 3.0, 4.0),),
            (place, 1, place, 2),
            0.5,
        )
        for place in range(1, 4)
    )
    members = (Member("a.bin", bytes(range(256)) * 300), Member("b/ü.txt", b""))
    written = datetime(2025, 5, 4, 3, 2, 1, tzinfo=UTC)
    heading = Block(BlockKind.HEADING, "Règlement", 1, 1)
    document = ParsedDocument("Tarif", 2, (heading, *rows), written, members, ("unseen",), (2,))
    chunks = marked(full_text(document), chunk_document(document, lambda text: len(text.split())))
    vectors = np.arange(len(chunks) * 4, dtype=np.float32).reshape(len(chunks), 4)
    return Passages(ReadDocument(MediaType.CSV, document, (Sign.ROLE,), (Sign.MARKS,)), chunks, vectors)


def test_a_file_reaches_a_worker_as_it_is() -> None:
    assert opened_work(KEY, "one", sealed_work(KEY, "one", WORK)) == WORK


def test_what_a_worker_found_comes_back_as_it_was() -> None:
    found = passages()
    assert found.chunks[0].identifiers
    back = opened_answer(KEY, "one", sealed_passages(KEY, "one", found))
    assert (back.read, back.chunks) == (found.read, found.chunks)
    assert np.array_equal(back.vectors, found.vectors)
    assert back.vectors.dtype == np.float32


def test_a_file_without_passages_comes_back() -> None:
    found = Passages(
        replace(passages().read, document=ParsedDocument("nothing", None, ())), (), np.empty((0, 0), np.float32)
    )
    back = opened_answer(KEY, "one", sealed_passages(KEY, "one", found))
    assert back.chunks == ()
    assert len(back.vectors) == 0


@pytest.mark.parametrize("error", [DocumentRejected("no"), DocumentQuarantined("look at it"), DocumentEmpty("nothing")])
def test_a_refusal_comes_back_with_its_kind_and_its_sentence(error: DocumentRejected | DocumentEmpty) -> None:
    with pytest.raises(type(error), match=str(error)) as raised:
        opened_answer(KEY, "one", sealed_refusal(KEY, "one", error))
    assert type(raised.value) is type(error)


def test_a_refusal_of_a_narrower_kind_comes_back_as_the_wider_one() -> None:
    with pytest.raises(DocumentRejected):
        opened_answer(KEY, "one", sealed_refusal(KEY, "one", ReaderFailed("crashed")))


def test_what_was_meant_for_another_file_does_not_open() -> None:
    with pytest.raises(SealBroken):
        opened_answer(KEY, "two", sealed_passages(KEY, "one", passages()))
    with pytest.raises(SealBroken):
        opened_work(KEY, "two", sealed_work(KEY, "one", WORK))


def test_a_file_is_no_answer() -> None:
    with pytest.raises(SealBroken):
        opened_answer(KEY, "one", sealed_work(KEY, "one", WORK))


def test_another_key_opens_nothing() -> None:
    with pytest.raises(SealBroken):
        opened_work(DataKey("workers", {1: bytes(31) + b"\x01"}), "one", sealed_work(KEY, "one", WORK))


def test_a_changed_byte_is_seen() -> None:
    sealed = bytearray(sealed_passages(KEY, "one", passages()))
    sealed[len(sealed) // 2] ^= 1
    with pytest.raises(SealBroken):
        opened_answer(KEY, "one", bytes(sealed))


@pytest.mark.parametrize(
    "parts",
    [
        (b"[]",),
        (b'{"read": {}, "chunks": []}', b""),
        (b'{"refused": "praised", "reason": ""}',),
        (b"not json",),
        (b"{}",),
        (),
    ],
)
def test_what_no_worker_says_is_an_error_and_no_document(parts: tuple[bytes, ...]) -> None:
    sealed = b"".join(KEY.sealed_stream(BytesIO(frame(*parts)), Context("work", "one", "answer")))
    with pytest.raises((ValueError, KeyError, TypeError)):
        opened_answer(KEY, "one", sealed)


@pytest.mark.parametrize("vectors", [np.full((3, 4), np.nan, np.float32), np.zeros((1, 5), np.float32)])
def test_vectors_that_fit_no_chunks_or_are_no_numbers_are_refused(
    vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]],
) -> None:
    found = passages()
    assert len(found.chunks) == 3
    with pytest.raises(ValueError, match=r"reshape|finite"):
        opened_answer(KEY, "one", sealed_passages(KEY, "one", replace(found, vectors=vectors)))
