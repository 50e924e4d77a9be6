"""An answer as values: its sentences, what each stands on, and the events on the way to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from rag.documents import Passage, RankedPassage

if TYPE_CHECKING:
    from rag.retrieval.filters import Filter  # which needs to know our languages


class Language(StrEnum):
    """The languages the house speaks."""

    FRENCH = "fr"
    ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier message of the conversation; `role` is "user" or "assistant"."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Citation:
    """A numbered pointer to a passage. `quote` stands verbatim in the passage, at `start` to `end` of its text."""

    n: int
    passage: Passage
    quote: str
    start: int
    end: int


class Doubt(StrEnum):
    """What keeps a sentence from being supported."""

    WORDS = "words"
    """No passage says it in enough of its words."""
    NUMBER = "number"
    DATE = "date"
    NAME = "name"
    """The passage nearest to it does not hold this number, date or name."""
    NEGATION = "negation"
    """The passage nearest to it says the contrary of this."""
    COMPUTED = "computed"
    """The number stands nowhere; it is the result over numbers that stand in the passage cited."""


@dataclass(frozen=True, slots=True)
class Why:
    """A doubt and what of the sentence it is about; `operands` are what a computed number comes from, as written."""

    doubt: Doubt
    text: str = ""
    operands: tuple[str, ...] = ()


def is_computed(whys: Sequence[Why]) -> bool:
    """Whether all that is doubted are numbers computed from the passage cited."""
    return bool(whys) and all(why.doubt is Doubt.COMPUTED for why in whys)


@dataclass(frozen=True, slots=True)
class Support:
    """How well a sentence stands on its best passage (0 to 1), what it may be cited with, best first, or why not.

    A number that is worked out has both: citations of what it is worked out of, and why the sentence is not supported.
    """

    score: float
    citations: tuple[Citation, ...]
    why: tuple[Why, ...] = ()


class Unsupported(StrEnum):
    """What becomes of a sentence that no passage supports: shown with a mark, or left out and counted."""

    MARK = "mark"
    WITHHOLD = "withhold"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the answer with the numbers of its citations, and why where they do not support it."""

    text: str
    citations: tuple[int, ...]
    supported: bool
    why: tuple[Why, ...] = ()

    @property
    def is_computed(self) -> bool:
        """Whether all that is doubted of it are numbers computed from the passage cited."""
        return is_computed(self.why)


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds and tokens spent; `first_token_ms` is None when nothing was generated."""

    retrieve_ms: float
    first_token_ms: float | None
    total_ms: float
    prompt_tokens: int
    answer_tokens: int


class FollowUp(StrEnum):
    """Who made a follow-up standalone."""

    RULES = "rules"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Understood:
    """A follow-up as it was understood: this is searched and answered, beside what was asked."""

    question: str
    by: FollowUp


class Reason(StrEnum):
    """Why there is no answer: what was known at the point where it was given up."""

    TOO_LONG = "too_long"
    FILTERED_OUT = "filtered_out"
    """No document passes the filter; nothing was looked at."""
    WEAK_EVIDENCE = "weak_evidence"
    """No passage is near enough; nothing was written."""
    MODEL_SILENT = "model_silent"
    """The model read the passages and said that they do not say."""
    NOTHING_SUPPORTED = "nothing_supported"
    """The model wrote something of which no sentence stands in the passages."""
    MODEL_AWAY = "model_away"
    """There is no model now: its weights are missing, corrupt or unreadable."""
    MODEL_FAILED = "model_failed"
    """The model failed before the end of the answer, or before its beginning."""
    MODEL_BUSY = "model_busy"
    """As many as may wait for the model do already."""
    MODEL_CONTEXT = "model_context"
    """The question, its passages and the answer's room are more than the model holds at once."""

    @property
    def is_of_the_model(self) -> bool:
        """Whether the documents may well answer, and the model did not: asked again, or more briefly, it may."""
        return self.is_passing or self in (Reason.MODEL_AWAY, Reason.MODEL_CONTEXT)

    @property
    def is_passing(self) -> bool:
        """Whether the same question, asked again as it is, may well be answered."""
        return self in (Reason.MODEL_FAILED, Reason.MODEL_BUSY)


class WhyLeftOut(StrEnum):
    """Why a passage that was found is not read by the model."""

    BUDGET = "budget"
    """It is longer than what is left to read."""
    RANK = "rank"
    """Others come before it."""
    DUPLICATE = "duplicate"
    """Another that is read says the same."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A passage that was found and is not read."""

    item: RankedPassage
    why: WhyLeftOut


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer. Where there is a `reason` it is a refusal, and `text` says so plainly; but see `is_unwritten`.

    `understood` is the question as a follow-up was taken, None where it was taken as it stood. `read` are the passages
    that the model got, `left_out` those that were near and that it did not get. `within` is what was looked at.
    `withheld` sentences that no passage supports were written and are not shown. Where `is_quoted`, nothing that the
    model wrote stands in the documents, and the text is what they say nearest to the question, in their words.
    `quotes` are, of an answer that the model did not write, what to read in each of the `nearest`.
    """

    text: str
    reason: Reason | None
    language: Language
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    nearest: tuple[RankedPassage, ...]
    ranked_docs: tuple[str, ...]
    timings: Timings
    understood: Understood | None = None
    read: tuple[RankedPassage, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    withheld: int = 0
    within: "Filter | None" = None
    is_quoted: bool = False
    quotes: tuple[Citation, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether there is no answer."""
        return self.reason is not None and not self.sentences

    @property
    def is_unwritten(self) -> bool:
        """Whether the model is why there is no answer, or not the whole of it: `sentences` were written until then."""
        return self.reason is not None and self.reason.is_of_the_model


@dataclass(frozen=True, slots=True)
class Searching:
    """The question is being searched; `within` is what is looked at."""

    within: "Filter | None" = None


@dataclass(frozen=True, slots=True)
class Queued:
    """The engine is busy; `place` 1 is next, in about `seconds` where that can be told.

    `passages` are what will be read, where they are known.
    """

    place: int
    seconds: float | None = None
    passages: tuple[RankedPassage, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """These passages were chosen as evidence and are being read by the model; those left out were near, too."""

    passages: tuple[RankedPassage, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class Shortened:
    """Of the conversation, so many exchanges are read in a line each, and so many not at all."""

    shortened: int
    left_out: int


@dataclass(frozen=True, slots=True)
class Written:
    """A piece of the answer's text, as generated (no citation marks)."""

    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A sentence that has ended, and the citations it is the first to use; `rest` is what was written after it."""

    sentence: Sentence
    citations: tuple[Citation, ...]
    rest: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The checked answer; the last event."""

    answer: Answer


AnswerEvent = Understood | Searching | Queued | Shortened | Reading | Written | Checked | Finished
