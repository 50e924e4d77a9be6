"""A draft to checked sentences: marks taken out, each sentence aligned, citations numbered, or found to say nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.answering.alignment import Alignment, Support
from rag.answering.answer import Citation, Reason, Sentence
from rag.answering.refusal import is_not_found, sounds_silent
from rag.answering.sentences import split_sentences
from rag.personal.kinds import Kind

_LABEL = "|".join(re.escape(kind.label) for kind in Kind)
_LINK = re.compile(rf"!?(?!(?:{_LABEL})\s)" r"\[([^\[\]\n]*)\]\s?(?:\([^()\n]*\)|\[[^\[\]\n]*\])")
_MARKS = re.compile(
    rf"(?P<label>{_LABEL})|"
    r"\s?\[\d+(?:\s?,\s?\d+)*\]|<[/!?a-z][^<>\n]{0,200}>?|(?:[\w+.-]*://|www\.)\S*"
    r"|(?:javascript|vbscript):\S*|data:\w+/\S*|[`\[\]<>|]|(?:(?<=\s)|^)#{1,6}(?=\s)|[*_~]{2,3}|\*(?=\S)|(?<=\S)\*",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Checked:
    """A sentence of the draft and what it stands on."""

    text: str
    support: Support


def plain(text: str) -> str:
    """Text without marks, links, images or tags: nothing a document says can become one. Labels of masks stay.

    Repeated until nothing is left to take out, because taking one mark out can join two halves of another.
    """
    while (less := _MARKS.sub(lambda mark: mark["label"] or " ", _LINK.sub(r"\1", text))) != text:
        text = less
    return re.sub(r"\s+(?=[.,)])", "", re.sub(r"[ \t]{2,}", " ", text)).strip()


def check(text: str, alignment: Alignment) -> list[Checked]:
    """Each sentence of a plain draft with its support."""
    return [Checked(text[start:end], alignment.check(text[start:end])) for start, end in split_sentences(text)]


def refusal_of(sentences: Sequence[Checked]) -> Reason | None:
    """Why checked sentences are no answer: the model said that the passages do not say, or nothing is supported."""
    if not sentences:
        return Reason.NOTHING_SUPPORTED
    first = sentences[0]
    if is_not_found(first.text) or (sounds_silent(first.text) and not first.support.citations):
        return Reason.MODEL_SILENT
    return None if any(sentence.support.citations for sentence in sentences) else Reason.NOTHING_SUPPORTED


def cited(sentences: Sequence[Checked]) -> tuple[tuple[Sentence, ...], tuple[Citation, ...]]:
    """Sentences with citations numbered by first use; the same quote has one number."""
    numbers: dict[tuple[str, int, int], Citation] = {}
    written = []
    for sentence in sentences:
        held = [_numbered(citation, numbers) for citation in sentence.support.citations]
        written.append(Sentence(sentence.text, tuple(citation.n for citation in held), supported=bool(held)))
    return tuple(written), tuple(numbers.values())


def _numbered(citation: Citation, numbers: dict[tuple[str, int, int], Citation]) -> Citation:
    key = (citation.passage.id, citation.start, citation.end)
    return numbers.setdefault(key, replace(citation, n=len(numbers) + 1))
