"""A finished answer as Markdown: sentences with marks, sources by title; each mark and title opens its source."""

from collections.abc import Sequence
from typing import Any

from chat.markdown import escape
from chat.places import place_of
from rag.answering.answer import Answer, Citation, LeftOut
from rag.documents import Passage, RankedPassage


def show(answer: Answer, words: dict[str, Any], *, is_stopped: bool = False) -> str:
    """The page's form of an answer, a refusal, or what was written before the person stopped it."""
    if answer.refused:
        return words["stopped"] if is_stopped else _refusal(answer, words)
    parts = [_sentences(answer, words)]
    parts += [f"_{words['stopped']}_"] if is_stopped else []
    if answer.citations:
        listed = [f"- {_title(f'{cite.n} · ', cite.passage, words, _place(cite))}" for cite in answer.citations]
        parts += [f"**{words['sources']}**", "\n".join(listed)]
    return "\n\n".join(parts)


def reading(passages: Sequence[RankedPassage], left_out: Sequence[LeftOut], words: dict[str, Any]) -> str:
    """What is being read and what was near and is not, with why, as lists whose entries open the passages."""
    parts = ["\n".join(f"- {_title('', item.passage, words, '')}" for item in passages)]
    if left_out:
        listed = [f"- {_title('', left.item.passage, words, '')}: {words[f'why_{left.why}']}" for left in left_out]
        parts += [words["left_out"], "\n".join(listed)]
    return "\n\n".join(parts)


def _refusal(answer: Answer, words: dict[str, Any]) -> str:
    near = [f"- {_title('', item.passage, words, '')}" for item in answer.nearest]
    return "\n\n".join([escape(answer.text), *((words["nearest"], "\n".join(near)) if near else ())])


def _sentences(answer: Answer, words: dict[str, Any]) -> str:
    """The sentences in order; one without a source says so."""
    cited = {citation.n: citation for citation in answer.citations}
    parts = []
    for sentence in answer.sentences:
        marks = [_mark(cited[number]) for number in sentence.citations]
        parts.append(f"{escape(sentence.text)} {' '.join(marks) if sentence.supported else words['unsupported']}")
    return " ".join(parts)


def _mark(citation: Citation) -> str:
    return f"[{citation.n}]({_address(citation.passage, _place(citation))}&n={citation.n})"


def _title(mark: str, passage: Passage, words: dict[str, Any], place: str) -> str:
    name = ", ".join(filter(None, (passage.document.title, place_of(passage, words))))
    return f"[{mark}{escape(name)}]({_address(passage, place)})"


def _place(citation: Citation) -> str:
    return f"?quote={citation.start}-{citation.end}"


def _address(passage: Passage, place: str) -> str:
    return f"/sources/{passage.document.collection_id}/{passage.document.id}/passages/{passage.id}{place}"
