"""A draft to checked sentences: marks taken out, each sentence aligned, citations numbered, or found to say nothing."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.answering.alignment import Alignment
from rag.answering.answer import Citation, Reason, Sentence, Support
from rag.answering.refusal import is_not_found, sounds_silent
from rag.answering.sentences import split_sentences
from rag.personal.kinds import Kind

_LABEL = "|".join(re.escape(kind.label) for kind in Kind)
_LINK = re.compile(rf"!?(?!(?:{_LABEL})\s)" r"\[([^\[\]\n]*)\]\s?(?:\([^()\n]*\)|\[[^\[\]\n]*\])")
_MARKS = re.compile(
    rf"(?P<label>{_LABEL})|"
    r"\s?\[\d+(?:\s?,\s?\d+)*\]|<[/!?a-z][^<>\n]{0,200}>?|(?:[\w+.-]*:(?:\\*/){2}|www\\*\.)\S*"
    r"|(?:javascript|vbscript):\S*|data:\w+/\S*|[`\[\]<>|]|(?:(?<=\s)|^)#{1,6}(?=\s)|[*_~]{2,3}|\*(?=\S)|(?<=\S)\*",
    re.I,
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.I)
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e0fff]"
)
"""Controls of a terminal, and what hides letters or turns their direction."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """A sentence of the draft and what it stands on."""

    text: str
    support: Support

    @property
    def is_grounded(self) -> bool:
        """Whether passages say it, or what it is worked out of."""
        return bool(self.support.citations)


def plain(text: str) -> str:
    """Text without marks, links, images or tags: nothing a document says can become one. Labels of masks stay.

    Repeated until nothing is left to take out, because taking one mark out can join two halves of another.
    """
    while (less := _tidied(_MARKS.sub(lambda mark: mark["label"] or " ", _LINK.sub(r"\1", _decoded(text))))) != text:
        text = less
    return text


def _decoded(text: str) -> str:
    """Without what nobody sees, entities as what they stand for: Markdown reads them so, and looks for links after."""
    return _UNSEEN.sub("", _ENTITY.sub(lambda entity: html.unescape(entity.group()), text))


def _tidied(text: str) -> str:
    return re.sub(r"\s+(?=[.,)])", "", re.sub(r"[ \t]{2,}", " ", text)).strip()


def check(text: str, alignment: Alignment) -> list[Aligned]:
    """Each sentence of a plain draft with its support."""
    return [Aligned(text[start:end], alignment.check(text[start:end])) for start, end in split_sentences(text)]


def refusal_of(sentences: Sequence[Aligned]) -> Reason | None:
    """Why checked sentences are no answer: the model said that the passages do not say, or nothing is supported.

    A number worked out of those of a passage is an answer, though not a supported one.
    """
    if not sentences:
        return Reason.NOTHING_SUPPORTED
    first = sentences[0]
    if is_not_found(first.text) or (sounds_silent(first.text) and not first.is_grounded):
        return Reason.MODEL_SILENT
    return None if any(sentence.is_grounded for sentence in sentences) else Reason.NOTHING_SUPPORTED


class Numbering:
    """Citations numbered by first use; the same quote has one number."""

    def __init__(self) -> None:
        self._citations: dict[tuple[str, int, int], Citation] = {}

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Those used so far, in the order of their numbers."""
        return tuple(self._citations.values())

    def sentence(self, aligned: Aligned) -> Sentence:
        """The sentence with the numbers of its citations."""
        support = aligned.support
        used = tuple(self._numbered(citation).n for citation in support.citations)
        return Sentence(aligned.text, used, supported=bool(used) and not support.why, why=support.why)

    def _numbered(self, citation: Citation) -> Citation:
        key = (citation.passage.id, citation.start, citation.end)
        return self._citations.setdefault(key, replace(citation, n=len(self._citations) + 1))


def cited(sentences: Sequence[Aligned]) -> tuple[tuple[Sentence, ...], tuple[Citation, ...]]:
    """Sentences with their citations numbered, and the citations."""
    numbering = Numbering()
    return tuple(map(numbering.sentence, sentences)), numbering.citations
