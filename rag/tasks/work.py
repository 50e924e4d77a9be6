"""The result of a task as values: sections of lines, what each line stands on, and the events on the way to it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from rag.answering.answer import Citation, Language, Queued, Reading, Searching, Why, Written
from rag.documents import DocumentInfo, Passage
from rag.retrieval.filters import Filter


class Task(StrEnum):
    """What can be asked."""

    LIST = "list"
    SUMMARISE = "summarise"
    COMPARE = "compare"
    TRANSLATE = "translate"
    DRAFT = "draft"
    WITHOUT_DOCUMENTS = "without_documents"
    """The model alone, where IT allows it."""


class Length(StrEnum):
    """How long a summary is."""

    SHORT = "short"
    MEDIUM = "medium"
    LONG = "long"


class Standing(StrEnum):
    """What a line stands on."""

    QUOTED = "quoted"
    """The words of the document."""
    CHECKED = "checked"
    """Written by the model, and supported by what it cites."""
    UNCHECKED = "unchecked"
    """Written by the model, and not supported by the documents."""
    TRANSLATED = "translated"
    """Written by the model, with the numbers, dates and names of the sentence that it cites, as far as can be told."""
    FORMULA = "formula"
    """A greeting or closing of ours, which stands on nothing."""
    UNGROUNDED = "ungrounded"
    """Written by the model without documents."""


class Trouble(StrEnum):
    """Why there is nothing to show."""

    TOO_LONG = "too_long"
    EMPTY = "empty"
    """Nothing was named."""
    NOTHING_FOUND = "nothing_found"
    FILTERED_OUT = "filtered_out"
    """No document passes the filter; nothing was looked at."""
    UNREADY = "unready"
    """The words of the index are still being read after a start."""
    TOO_COMMON = "too_common"
    """More passages hold the words than are opened for one person."""
    NO_SUCH_DOCUMENT = "no_such_document"
    WHICH_DOCUMENT = "which_document"
    """Several documents are meant: one must be picked by its number."""
    TWO_WANTED = "two_wanted"
    """A comparison is of two documents."""
    NOTHING_SHARED = "nothing_shared"
    """Two documents have nothing to compare."""
    NO_SUCH_PAGE = "no_such_page"
    NOT_SAID = "not_said"
    """The documents do not say enough for a draft."""
    NOT_ALLOWED = "not_allowed"
    """IT has not allowed answers without documents."""
    STOPPED = "stopped"
    MODEL_AWAY = "model_away"
    """There is no model now, and the task needs it."""
    MODEL_FAILED = "model_failed"
    """The model failed before the end of the task."""
    MODEL_BUSY = "model_busy"
    """As many as may wait for the model do already."""
    MODEL_CONTEXT = "model_context"
    """What the task reads is more than the model holds at once."""

    @property
    def is_of_the_model(self) -> bool:
        """Whether the task may come to its end when it is given again, or more briefly."""
        return self in (Trouble.MODEL_AWAY, Trouble.MODEL_FAILED, Trouble.MODEL_BUSY, Trouble.MODEL_CONTEXT)


class Note(StrEnum):
    """How two quotes of a comparison differ, as far as it is certain."""

    SAME_WORDS = "same_words"
    OTHER_FIGURES = "other_figures"


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence with the numbers of its citations.

    `why` is what it says and its source does not; `lost`, of a translation, what its original says and it does not.
    """

    text: str
    standing: Standing
    citations: tuple[int, ...] = ()
    why: tuple[Why, ...] = ()
    lost: tuple[Why, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a heading: a document of a list, an aspect of a comparison. `more` are passages that are not shown.

    In a comparison there is a line for each document, in their order; None where it says nothing of the aspect.
    """

    heading: str
    lines: tuple[Line | None, ...]
    more: int = 0
    note: Note | None = None

    @property
    def told(self) -> tuple[Line, ...]:
        """The lines that there are."""
        return tuple(line for line in self.lines if line)


@dataclass(frozen=True, slots=True)
class Work:
    """What a task gives. Where there is a `trouble`, there are no sections; `candidates` are documents to pick from.

    `total` counts what was found and verified: documents of a list, points of a summary; `more` are not shown.
    `within` is what was looked at, None for everything that is granted.
    """

    task: Task
    language: Language
    sections: tuple[Section, ...] = ()
    citations: tuple[Citation, ...] = ()
    trouble: Trouble | None = None
    total: int = 0
    more: int = 0
    candidates: tuple[DocumentInfo, ...] = ()
    documents: tuple[DocumentInfo, ...] = ()
    is_extract: bool = False
    """Whether a summary is made of the document's own sentences, because it is longer than a model reads in time."""
    within: Filter | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks for, in their words. `otherwise` is the language where the words do not tell: the page's.

    Documents that do not come through `within` are neither read nor named.
    """

    text: str
    otherwise: Language | None = None
    length: Length = Length.MEDIUM
    picks: tuple[int, ...] = ()
    """Numbers of the documents that are meant where several were, in the order of asking."""
    within: Filter | None = None


@dataclass(frozen=True, slots=True)
class Progressed:
    """`done` parts of `total` are read."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Delivered:
    """The result; the last event."""

    work: Work


TaskEvent = Searching | Queued | Reading | Written | Progressed | Delivered


@dataclass(slots=True)
class Citing:
    """Numbers citations by first use; the same quote has one number."""

    _known: dict[tuple[str, int, int], Citation] = field(default_factory=dict)

    def number(self, passage: Passage, start: int, end: int) -> int:
        """The number of a quote, which stands in the passage at `start` to `end`."""
        return self.take(Citation(0, passage, passage.chunk.text[start:end], start, end))

    def take(self, citation: Citation) -> int:
        """The number of a citation."""
        key = (citation.passage.id, citation.start, citation.end)
        return self._known.setdefault(key, replace(citation, n=len(self._known) + 1)).n

    @property
    def all(self) -> tuple[Citation, ...]:
        """Every citation, in the order of its number."""
        return tuple(self._known.values())


def in_batches(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """The items in order, so many at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))
