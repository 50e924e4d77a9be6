"""What the benches work on: the demo collection's own passages, repeated with variations where more are wanted."""

import json
import lzma
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chat.admin.beir import Entry
from chat.admin.bench import chunked
from chat.assembly import House
from rag.chunking import chunk_document, embedding_text
from rag.documents import Chunk, ParsedDocument
from rag.folders import FoundFile, survey
from rag.index.memory import MemoryIndex
from rag.parsing.sandbox import read_document
from rag.store.documents import DocumentStore
from rag.store.values import IndexEntry, NewDocument
from security.access import Grant

SOURCE = "bench"
DEMO = Path(__file__).parents[1] / "data" / "demo"
JITTER = 0.3
"""Length of the noise added to a unit vector: copies stay nearer to their origin (cosine .96) than strangers (.82)."""

_INDEX_BATCH = 2000


@dataclass(frozen=True, slots=True)
class Sample:
    """A document read, chunked and embedded: vectors (n, d) float32."""

    path: str
    media_type: str
    content: bytes
    parsed: ParsedDocument
    chunks: tuple[Chunk, ...]
    vectors: NDArray[np.float32]


def read_samples(house: House, folder: Path = DEMO) -> tuple[Sample, ...]:
    """Every document of a folder, through the sandbox and the embedder."""
    return tuple(_sample(house, file) for file in survey(folder).files)


def read_entries(house: House, corpus: Path, most: int) -> tuple[Sample, ...]:
    """The first `most` lines of a corpus (JSON lines with `title` and `text`, perhaps `.xz`), embedded."""
    with lzma.open(corpus, "rt") if corpus.suffix == ".xz" else corpus.open() as source:
        rows = [json.loads(line) for line in islice(source, most)]
    entries = [Entry(f"entry-{number}", row["title"], row["text"]) for number, row in enumerate(rows)]
    return tuple(
        _embedded(house, entry.id, "text/plain", entry.text.encode(), *chunked(house, entry)) for entry in entries
    )


def questions_of(samples: Sequence[Sample], wanted: int, seed: int = 1) -> tuple[str, ...]:
    """Questions-to-be: beginnings of passages drawn from the samples, about as long as people ask."""
    texts = [chunk.text for sample in samples for chunk in sample.chunks]
    drawn = random.Random(seed).choices(texts, k=wanted)
    return tuple(" ".join(text.split()[:12]) for text in drawn)


def fill(
    grant: Grant, store: DocumentStore, index: MemoryIndex, documents: Iterator[NewDocument], passages: int
) -> int:
    """Put documents until the collection has grown by `passages` or a little more; gives by how many."""
    added, waiting = 0, list[IndexEntry]()
    while added < passages:
        entries = store.put(grant, next(documents))[1]
        added += len(entries)
        waiting += entries
        if len(waiting) >= _INDEX_BATCH or added >= passages:
            index.add(grant.collection_id, waiting)
            waiting.clear()
    return added


def originals(samples: Sequence[Sample]) -> Iterator[NewDocument]:
    """The samples as they came, with the files' own bytes."""
    for sample in samples:
        yield NewDocument(
            SOURCE, sample.path, sample.media_type, sample.content, sample.parsed, sample.chunks, sample.vectors
        )


def variations(samples: Sequence[Sample], seed: int = 1) -> Iterator[NewDocument]:
    """The samples without end, as plain text with shuffled words and jittered vectors."""
    generator = np.random.default_rng(seed)
    shuffled = random.Random(seed)
    for turn in count():
        for sample in samples:
            chunks = tuple(replace(chunk, text=_shuffle(chunk.text, shuffled)) for chunk in sample.chunks)
            vectors = jitter(sample.vectors, generator)
            content = "\n".join(chunk.text for chunk in chunks).encode()
            yield NewDocument(SOURCE, f"{turn}/{sample.path}", "text/plain", content, sample.parsed, chunks, vectors)


def _sample(house: House, file: FoundFile) -> Sample:
    content = file.path.read_bytes()
    read = read_document(file.path.name, content, house.memory_dir)
    chunks = chunk_document(read.document, house.embedder.count_tokens)
    return _embedded(house, file.doc, read.media_type, content, read.document, chunks)


def _embedded(
    house: House, path: str, media_type: str, content: bytes, parsed: ParsedDocument, chunks: tuple[Chunk, ...]
) -> Sample:
    texts = [embedding_text(parsed.title, chunk) for chunk in chunks]
    return Sample(path, media_type, content, parsed, chunks, house.embedder.embed_passages(texts))


def _shuffle(text: str, shuffled: random.Random) -> str:
    words = text.split()
    shuffled.shuffle(words)
    return " ".join(words)


def jitter(vectors: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
    """Neighbours (n, d) of unit vectors (n, d), of unit length again."""
    noise = generator.standard_normal(vectors.shape).astype(np.float32)
    moved = vectors + JITTER * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), np.float32)
