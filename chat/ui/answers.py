"""A finished answer as the page shows it: sentences with marks, sources by name; each mark and name opens the panel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import chainlit as cl

from chat.markdown import escape
from chat.markdown import name as short_name
from rag.answering.answer import Answer, Citation
from rag.documents import RankedPassage


@dataclass(frozen=True, slots=True)
class Shown:
    """Markdown, and the elements whose names in it become links to the panel."""

    content: str
    elements: tuple[cl.Text, ...]


def show(answer: Answer, words: dict[str, Any], *, is_stopped: bool = False) -> Shown:
    """The page's form of an answer, a refusal, or what was written before the person stopped it."""
    if is_stopped and answer.refused:
        return Shown(words["stopped"], ())
    if answer.refused:
        return _refusal(answer, words)
    sources = [(f"{citation.n}", citation) for citation in answer.citations]
    lines = [_sentences(answer, words)]
    lines += [words["stopped"]] if is_stopped else []
    lines += [f"**{words['sources']}**", "\n".join(f"- {_title(n, c, words)}" for n, c in sources)] if sources else []
    marks = [_element(f"[{n}]", citation) for n, citation in sources]
    titles = [_element(_title(n, citation, words), citation) for n, citation in sources]
    return Shown("\n\n".join(lines), (*titles, *marks))


def _refusal(answer: Answer, words: dict[str, Any]) -> Shown:
    near = [(chr(ord("A") + place), _nearest(item)) for place, item in enumerate(answer.nearest)]
    names = [_title(letter, citation, words) for letter, citation in near]
    lines = [answer.text]
    lines += [words["nearest"], "\n".join(f"- {name}" for name in names)] if names else []
    elements = tuple(_element(name, citation) for name, (_, citation) in zip(names, near, strict=True))
    return Shown("\n\n".join(lines), elements)


def _nearest(item: RankedPassage) -> Citation:
    return Citation(0, item.passage, "", 0, 0)


def _sentences(answer: Answer, words: dict[str, Any]) -> str:
    """The sentences in order; one without a source says so."""
    parts = []
    for sentence in answer.sentences:
        marks = "".join(f"[{number}]" for number in sentence.citations)
        parts.append(f"{escape(sentence.text)} {marks if sentence.supported else words['unsupported']}")
    return " ".join(parts)


def _title(mark: str, citation: Citation, words: dict[str, Any]) -> str:
    page = citation.passage.chunk.page
    title = short_name(citation.passage.document.title)
    return f"{mark} · {title}" + (f", {words['page']} {page}" if page else "")


def _element(name: str, citation: Citation) -> cl.Text:
    """A source by address only: its text never lies in a file of the chat view."""
    passage = citation.passage
    base = f"/sources/{passage.document.collection_id}/{passage.document.id}/passages/{passage.id}.md"
    return cl.Text(name=name, url=f"{base}?quote={citation.start}-{citation.end}", display="side")


def reading(passages: Sequence[RankedPassage]) -> str:
    """The titles of what is being read, as a list, each once."""
    titles = dict.fromkeys(item.passage.document.title for item in passages)
    return "\n".join(f"- {escape(title)}" for title in titles)
