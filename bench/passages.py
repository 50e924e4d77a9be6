"""Many real texts with vectors: real ones for the first, for the rest real ones moved a little, drawn at random.

Embedding 100,000 passages takes hours, so only some are embedded. A drawn vector lies 0.3 from a real one (cosine .96)
and not where its text would put it: graphs are as large and as crowded as with real ones, answers mean nothing.
"""

import itertools
import json
import lzma
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.material import SOURCE, jitter
from chat.assembly import House
from rag.chunking import embedding_text
from rag.documents import Chunk, ParsedDocument
from rag.store.values import NewDocument

_BATCH = 64
_TIMED = 128


@dataclass(frozen=True, slots=True)
class Text:
    """A line of the corpus: the document it is of, a heading, a text."""

    document: str
    title: str
    text: str

    @property
    def chunk(self) -> Chunk:
        """As a passage of its document."""
        return Chunk(0, self.text, None, (self.title,), 0, len(self.text))

    @property
    def whole(self) -> str:
        """What is embedded."""
        return embedding_text(self.document, self.chunk)


def read_texts(corpus: Path, most: int) -> list[Text]:
    """The first `most` lines of a corpus (JSON lines with `doc`, `title`, `text`, perhaps `.xz`)."""
    with lzma.open(corpus, "rt") if corpus.suffix == ".xz" else corpus.open() as source:
        rows = (json.loads(line) for line in itertools.islice(source, most))
        return [Text(row["doc"], row["title"], row["text"]) for row in rows]


def vectors_of(house: House, texts: Sequence[Text], real: int, kept: Path | None) -> NDArray[np.float32]:
    """Unit vectors (n, d), those of the first `real` texts real; read from a file where they were kept in it."""
    real = min(real, len(texts))
    if kept is not None and kept.exists():
        first = np.load(kept)[:real]
    else:
        parts = (texts[start : min(start + _BATCH, real)] for start in range(0, real, _BATCH))
        first = np.concatenate([house.embedder.embed_passages([text.whole for text in part]) for part in parts])
        if kept is not None:
            np.save(kept, first)
    random = np.random.default_rng(1)
    drawn = jitter(first[random.integers(0, len(first), len(texts) - len(first))], random)
    return np.concatenate([first, drawn])


def embedding_seconds(house: House, texts: Sequence[Text]) -> float:
    """Seconds to embed one passage, over some of them from all parts of the corpus."""
    some = [texts[place].whole for place in np.linspace(0, len(texts) - 1, min(_TIMED, len(texts)), dtype=int)]
    started = time.perf_counter()
    house.embedder.embed_passages(some)
    return (time.perf_counter() - started) / len(some)


def documents_of(texts: Sequence[Text], vectors: NDArray[np.float32], first: int = 0) -> Iterator[NewDocument]:
    """Texts (n) with vectors (n, d) as documents: lines of one document that follow each other are its passages.

    `first` tells the part of the corpus, so that a document that goes on in the next part has a place of its own.
    """
    place = 0
    for document, group in itertools.groupby(texts, lambda text: text.document):
        lines = list(group)
        chunks = tuple(Chunk(at, line.text, None, (line.title,), 0, len(line.text)) for at, line in enumerate(lines))
        rows, place = vectors[place : place + len(lines)], place + len(lines)
        content = "\n".join(line.text for line in lines).encode()
        parsed = ParsedDocument(document.rpartition("/")[2], None, ())
        yield NewDocument(SOURCE, f"{first + place}/{document}", "text/plain", content, parsed, chunks, rows)
