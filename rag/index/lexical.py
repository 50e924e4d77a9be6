"""Words of one collection in Tantivy, in a memory-backed folder, fed with stems: BM25 without text."""

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import tantivy
from numpy.typing import NDArray

from rag.index.runs import Run, enough, runs_of
from rag.retrieval.words import content_words, query_words

_QUERY_WORDS_MAX = 64
_WAITING_MAX = 1000
"""Passages kept back between two commits where nobody searches: a commit takes 10 ms and makes a file."""
_RUNS_MAX = 32
"""Runs of slots in a query: each costs a look through a column, 0.05 ms at 100,000 passages."""
_RUNS_SHARE_MAX = 0.5
"""Where the runs hold more of all slots than this, everything is asked for: less is saved than the look costs."""
_HEAP_BYTES = 15_000_000
"""The least that Tantivy works with, for the one thread that writes."""


class WordIndex:
    """Slots by their words, without positions: 108 bytes a passage. Safe to use from several threads.

    What was added or removed is found, or not, by the next search. A query over 20,000 passages takes 0.4 ms.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self._schema = _schema()
        self._index = tantivy.Index(self._schema, path=str(folder), reuse=True)
        self._searcher = self._index.searcher()
        self._writer: tantivy.IndexWriter | None = None
        self._added: dict[int, str] = {}
        self._removed: list[int] = []
        self._lock = threading.Lock()

    def add(self, texts: Iterable[tuple[int, str]]) -> None:
        """Take texts at their slots. Raises ValueError where the folder is full."""
        stemmed = {slot: " ".join(content_words(text)) for slot, text in texts}
        with self._lock:
            self._added.update(stemmed)
            if len(self._added) >= _WAITING_MAX:
                self._commit()

    def remove(self, slots: Iterable[int]) -> None:
        """Forget slots; those that are not held do no harm."""
        with self._lock:
            for slot in slots:
                if self._added.pop(slot, None) is None:
                    self._removed.append(slot)

    def search(self, question: str, k: int, wanted: NDArray[np.bool_] | None = None) -> dict[int, float]:
        """Up to `k` slots with BM25 (higher is better), best first; where `wanted` (n,) is given, of those alone.

        They score as among all. What lies between the wanted runs is asked for too, and left out.
        """
        words = query_words(question)[:_QUERY_WORDS_MAX]
        if not words or k < 1:
            return {}
        with self._lock:
            self._commit()
            searcher = self._searcher
        terms = [(tantivy.Occur.Should, self._term(word)) for word in words]
        query = tantivy.Query.boolean_query(terms)
        return self._best(searcher, query, k) if wanted is None else self._narrowed(searcher, query, k, wanted)

    def _best(self, searcher: tantivy.Searcher, query: tantivy.Query, k: int) -> dict[int, float]:
        found = searcher.search(query, k, count=False).hits
        slots = searcher.fast_field_values("slot", [address for _, address in found])
        return {int(slot or 0): float(score) for (score, _), slot in zip(found, slots, strict=True)}

    def _narrowed(
        self, searcher: tantivy.Searcher, query: tantivy.Query, k: int, wanted: NDArray[np.bool_]
    ) -> dict[int, float]:
        runs = runs_of(wanted, _RUNS_MAX)
        if not runs:
            return {}
        held = sum(last - first + 1 for first, last in runs)
        if held > _RUNS_SHARE_MAX * len(wanted):
            held = len(wanted)
        else:
            query = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, self._within(runs))])
        asked = enough(k, held, int(wanted.sum()))
        while True:
            found = self._best(searcher, query, asked)
            kept = [slot for slot in found if slot < len(wanted) and wanted[slot]][:k]
            if len(kept) >= k or len(found) < asked:
                return {slot: found[slot] for slot in kept}
            asked *= 2

    def _within(self, runs: list[Run]) -> tantivy.Query:
        unsigned = tantivy.FieldType.Unsigned
        ranges = [tantivy.Query.range_query(self._schema, "slot", unsigned, first, last) for first, last in runs]
        anywhere = tantivy.Query.boolean_query([(tantivy.Occur.Should, each) for each in ranges])
        return tantivy.Query.const_score_query(anywhere, 0.0)

    def holding(self, wanted: Iterable[Sequence[str]]) -> list[int]:
        """Every slot that holds all the stems of one of the lists, in order; a list without stems asks for nothing."""
        every = [[self._term(stem) for stem in stems] for stems in wanted if stems]
        if not every:
            return []
        with self._lock:
            self._commit()
            searcher = self._searcher
        lists = [tantivy.Query.boolean_query([(tantivy.Occur.Must, term) for term in terms]) for terms in every]
        query = tantivy.Query.boolean_query([(tantivy.Occur.Should, stems) for stems in lists])
        found = searcher.search(query, max(1, searcher.num_docs), count=False).hits
        return sorted(int(slot or 0) for slot in searcher.fast_field_values("slot", [address for _, address in found]))

    def rest(self) -> None:
        """Write what waits, let merges end, and give the writer's memory back. Files do not change until more comes."""
        with self._lock:
            self._commit()
            if self._writer is not None:
                self._writer.wait_merging_threads()
                self._writer = None

    def files(self) -> list[Path]:
        """What makes the same index again, once it rests."""
        return [path for path in self.folder.iterdir() if not path.name.startswith(".tantivy")]

    def close(self) -> None:
        """Stop writing; what waits is lost. Merges end first: they would write on in a folder that is removed."""
        with self._lock:
            self._added.clear()
            self._removed.clear()
            if self._writer is not None:
                self._writer.wait_merging_threads()
                self._writer = None

    def _term(self, stem: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, "words", stem)

    def _commit(self) -> None:
        if not self._added and not self._removed:
            return
        if self._writer is None:
            self._writer = self._index.writer(heap_size=_HEAP_BYTES, num_threads=1)
        for slot in self._removed:
            self._writer.delete_documents_by_query(tantivy.Query.term_query(self._schema, "slot", slot))
        for slot, words in self._added.items():
            document = tantivy.Document()
            document.add_unsigned("slot", slot)
            document.add_text("words", words)
            self._writer.add_document(document)
        self._writer.commit()
        self._index.reload()
        self._searcher = self._index.searcher()
        self._added.clear()
        self._removed.clear()


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("words", stored=False, tokenizer_name="whitespace", index_option="freq")
    builder.add_unsigned_field("slot", stored=False, indexed=True, fast=True)
    return builder.build()
