"""Which document is meant: by words of its title or path, among the documents of the grants and no others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

from rag.answering.answer import Language
from rag.documents import DocumentInfo, Passage
from rag.facets import facets_of
from rag.retrieval.filters import Filter
from rag.retrieval.words import content_words, fold
from rag.store.documents import DocumentStore
from rag.tasks.errors import TaskFailed
from rag.tasks.work import Request, Trouble
from security.access import Grant

SHARE_MIN = 0.5
"""A document is meant when it is named by half of the words at least."""
CANDIDATES_MAX = 9


@dataclass(frozen=True, slots=True)
class Named:
    """A document and the grant that opens it."""

    grant: Grant
    info: DocumentInfo


class Shelf:
    """The documents of the grants that come through the filter, opened once: 10,000 take a second.

    The picks of a request are the numbers, from 1, that whoever asks gave where several documents were meant, in the
    order of asking. Raises TaskFailed where nothing comes through.
    """

    def __init__(self, documents: DocumentStore, grants: Sequence[Grant], request: Request) -> None:
        self._documents = documents
        found = [(grant, info) for grant in grants for info in _passing(documents, grant, request.within)]
        if request.within and not found:
            raise TaskFailed(Trouble.FILTERED_OUT)
        self._held = [(Named(grant, info), _words(info)) for grant, info in found]
        self._picks = list(request.picks)

    def find(self, name: str) -> Named:
        """The document that the words name best. Raises TaskFailed where none is, or several and none is picked."""
        found = sorted(self._meant(name), key=lambda named: (named.info.title, named.info.path))
        if not found:
            raise TaskFailed(Trouble.NO_SUCH_DOCUMENT)
        if len(found) == 1:
            return found[0]
        pick = self._picks.pop(0) if self._picks else 0
        if not 1 <= pick <= min(len(found), CANDIDATES_MAX):
            raise TaskFailed(Trouble.WHICH_DOCUMENT, tuple(named.info for named in found[:CANDIDATES_MAX]))
        return found[pick - 1]

    def passages(self, named: Named) -> tuple[Passage, ...]:
        """Its passages in reading order. Raises TaskFailed where it went meanwhile."""
        found = self._documents.whole(named.grant, named.info.id)
        if not found:
            raise TaskFailed(Trouble.NO_SUCH_DOCUMENT)
        return found

    def _meant(self, name: str) -> list[Named]:
        exact = [named for named, _ in self._held if fold(name.strip()) in _names(named.info)]
        if exact:
            return exact
        wanted = {language: frozenset(content_words(name, language)) for language in Language}
        shares = [(max(_share(wanted[each], words[each]) for each in Language), named) for named, words in self._held]
        best = max((share for share, _ in shares), default=0.0)
        return [named for share, named in shares if share == best] if best >= SHARE_MIN else []


def _passing(documents: DocumentStore, grant: Grant, within: Filter | None) -> Sequence[DocumentInfo]:
    if not within:
        return documents.documents(grant)
    blind = cache(partial(documents.folder_key, grant))
    sieve = within.sieve(blind)
    return [info for info in documents.documents(grant) if sieve.passes(facets_of(info, blind))]


def split_names(text: str) -> Iterator[tuple[str, str]]:
    """Each way to take a text as two names: at a semicolon, else at each word that may stand between them."""
    first, mark, second = text.partition(";")
    if mark:
        yield first.strip(), second.strip()
        return
    words = text.split()
    for place, word in enumerate(words):
        if fold(word) in _BETWEEN and 0 < place < len(words) - 1:
            yield " ".join(words[:place]), " ".join(words[place + 1 :])


_BETWEEN = frozenset(("et", "and", "avec", "with", "vs", "vs.", "to", "a", "/", "&"))


def _words(info: DocumentInfo) -> dict[Language, frozenset[str]]:
    told = f"{info.title}\n{info.path}"
    return {language: frozenset(content_words(told, language)) for language in Language}


def _names(info: DocumentInfo) -> frozenset[str]:
    """What a document is called: its title, its path, its file's name with and without its kind."""
    file = info.path.rpartition("/")[2]
    return frozenset(fold(name) for name in (info.title, info.path, file, file.rpartition(".")[0]))


def _share(wanted: frozenset[str], held: frozenset[str]) -> float:
    return len(wanted & held) / len(wanted) if wanted else 0.0
