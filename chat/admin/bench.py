"""A BEIR folder through the whole path, sealed, indexed and searched as questions are, to a TREC run.

A line of the run is `query Q0 document rank score tag`.
"""

import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chat.admin.beir import Entry, Query, read_corpus, read_queries
from chat.admin.gateway import run_here
from chat.admin.outcomes import InputWrong
from chat.assembly import House
from chat.opening import initialise, open_house
from chat.settings import Settings
from rag.chunking import chunk_document, embedding_text
from rag.documents import Block, BlockKind, Chunk, ParsedDocument, SearchResult
from rag.store.values import IndexEntry, NewDocument
from security.access import Grant, Right
from security.identity import OPERATOR
from security.slots import Passphrase
from security.withheld import Withheld

TAG = "huisclos"
DOCUMENTS_MAX = 100
DOCUMENTS_BATCH = 32
"""Corpus entries embedded and indexed together: the embedder packs texts of like length, the index adds in bulk."""

PASSAGES_A_DOCUMENT = 4
"""Passages asked for per document wanted, because a good document holds several good passages."""

_SECRET_BYTES = 32
_BLANK_LINES = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True)
class RetrievalSummary:
    """What was indexed and searched, and how long it took."""

    documents: int
    passages: int
    queries: int
    seconds: float
    index_seconds: float
    search_seconds: float


@dataclass(frozen=True, slots=True)
class Step:
    """How far the work is: `name` is "indexing" or "searching"."""

    name: str
    done: int
    total: int


Report = Callable[[Step], None]


def run_retrieval(folder: Path, out: Path, settings: Settings, documents_max: int, report: Report) -> RetrievalSummary:
    """Index the corpus in a temporary sealed collection, search every query, write up to `documents_max` lines each.

    Raises InputWrong before any work where a file or folder is not what it should be. `out` appears whole or not.
    """
    corpus, queries = read_corpus(folder), read_queries(folder)
    if not out.parent.is_dir():
        raise InputWrong(f"{out.parent} is not a folder; make it, or write the run elsewhere")
    started = time.monotonic()
    with temporary_house(settings) as house:
        passages = index_corpus(house, temporary_grant(house, Right.MANAGE), corpus, report)
        indexed = time.monotonic()
        _write_run(out, search_queries(house, temporary_grant(house, Right.READ), queries, documents_max, report))
        searched = time.monotonic()
    spans = (round(span, 2) for span in (searched - started, indexed - started, searched - indexed))
    return RetrievalSummary(len(corpus), passages, len(queries), *spans)


@contextmanager
def temporary_house(settings: Settings) -> Iterator[House]:
    """A house with one empty collection in a folder of its own, which is gone afterwards.

    Its secret is drawn here and stays in memory: what a killed run leaves on the disk does not open any more.
    """
    folder = Path(tempfile.mkdtemp(prefix="huisclos-bench-"))
    secret = Passphrase(Withheld(secrets.token_urlsafe(_SECRET_BYTES)))
    apart = settings.model_copy(update={"memory_dir": _memory_apart(settings, folder)})
    try:
        initialise(folder, apart, secret)
        with open_house(folder, apart, secret) as house:
            list(run_here(house, "collection.create", {"name": TAG}))
            yield house
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def temporary_grant(house: House, right: Right) -> Grant:
    """The operator's grant to the one collection of a temporary house."""
    (record,) = house.collections.list()
    return house.policy.grant(OPERATOR, record.id, right)


def index_corpus(house: House, grant: Grant, corpus: Sequence[Entry], report: Report) -> int:
    """Chunk, embed, seal and index the corpus; gives the number of passages."""
    passages = 0
    for start in range(0, len(corpus), DOCUMENTS_BATCH):
        batch = corpus[start : start + DOCUMENTS_BATCH]
        passages += _index_batch(house, grant, batch)
        report(Step("indexing", start + len(batch), len(corpus)))
    return passages


def search_queries(
    house: House, grant: Grant, queries: Sequence[Query], documents_max: int, report: Report
) -> Iterator[str]:
    """The lines of a run: documents by their best passage."""
    for done, query in enumerate(queries, 1):
        found = house.searcher.search([grant], query.text, documents_max * PASSAGES_A_DOCUMENT)
        for rank, (document, score) in enumerate(best_documents(found)[:documents_max], 1):
            yield f"{query.id} Q0 {document} {rank} {score:.6f} {TAG}\n"
        report(Step("searching", done, len(queries)))


def best_documents(found: SearchResult) -> list[tuple[str, float]]:
    """Paths of documents with the score of their best passage, best first."""
    best: dict[str, float] = {}
    for item in found.passages:
        best.setdefault(item.passage.document.path, item.score)
    return list(best.items())


def chunked(house: House, entry: Entry) -> tuple[ParsedDocument, tuple[Chunk, ...]]:
    """The entry as a document of paragraphs, with its passages; the title stands for a text that is not there."""
    parts = (" ".join(part.split()) for part in _BLANK_LINES.split(entry.text or entry.title))
    parsed = ParsedDocument(entry.title, None, tuple(Block(BlockKind.PARAGRAPH, part) for part in parts if part))
    return parsed, chunk_document(parsed, house.embedder.count_tokens)


def _index_batch(house: House, grant: Grant, batch: Sequence[Entry]) -> int:
    prepared = [chunked(house, entry) for entry in batch]
    texts = [embedding_text(parsed.title, chunk) for parsed, chunks in prepared for chunk in chunks]
    vectors = house.embedder.embed_passages(texts)
    added: list[IndexEntry] = []
    place = 0
    for entry, (parsed, chunks) in zip(batch, prepared, strict=True):
        rows, place = vectors[place : place + len(chunks)], place + len(chunks)
        content = entry.text.encode("utf-8", "replace")
        new = NewDocument(TAG, entry.id, "text/plain", content, parsed, chunks, rows)
        added += house.documents.put(grant, new)[1]
    house.index.add(grant.collection_id, added)
    return len(texts)


def _memory_apart(settings: Settings, folder: Path) -> Path | None:
    """A memory-backed folder that no running server holds."""
    return settings.memory_dir.with_name(folder.name) if settings.memory_dir else None


def _write_run(out: Path, lines: Iterator[str]) -> None:
    partial = out.with_name(f"{out.name}.partial")
    try:
        with partial.open("w", encoding="utf-8") as target:
            target.writelines(lines)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
