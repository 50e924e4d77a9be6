"""A finished answer as Markdown: sentences with marks, sources by title; each mark and title opens its source."""

from collections.abc import Sequence
from typing import Any

from chat.markdown import escape
from chat.places import place_of
from chat.texts import texts
from rag.answering.answer import Answer, Citation, Doubt, LeftOut, Sentence, Why, is_computed
from rag.documents import Passage, RankedPassage
from rag.retrieval.words import spoken

AGAIN = "#again"
"""Where a link leads that asks the question above it again: the page's script does it."""
DOUBTS_TOLD_MAX = 3
QUOTE_CHARACTERS_MAX = 160


def show(answer: Answer, words: dict[str, Any], *, is_stopped: bool = False) -> str:
    """The page's form of an answer, a refusal, or what was written before the person stopped it."""
    if is_stopped and answer.refused:
        return str(words["stopped"])
    if answer.is_unwritten:
        return _unwritten(answer, texts(answer.language))
    return _refusal(answer, words) if answer.refused else _answered(answer, words, is_stopped=is_stopped)


def _answered(answer: Answer, words: dict[str, Any], *, is_stopped: bool) -> str:
    said = written(answer.sentences, answer.citations, words)
    parts = [f"_{words['quoted']}_", f"> {said}"] if answer.is_quoted else [said]
    parts += [f"_{words['not_shown'].format(count=answer.withheld)}_"] if answer.withheld else []
    parts += [f"_{words['stopped']}_"] if is_stopped else []
    if answer.citations:
        listed = [_source(cite, answer, words) for cite in answer.citations]
        parts += [f"**{words['sources']}**", "\n".join(listed)]
    return "\n\n".join(parts)


def written(sentences: Sequence[Sentence], citations: Sequence[Citation], words: dict[str, Any]) -> str:
    """Checked sentences in order, with their marks; one without a source says so, and why."""
    cited = {citation.n: citation for citation in citations}
    return " ".join(_sentence(sentence, cited, words) for sentence in sentences)


def reading(passages: Sequence[RankedPassage], left_out: Sequence[LeftOut], words: dict[str, Any]) -> str:
    """What is being read and what was near and is not, with why, as lists whose entries open the passages."""
    parts = ["\n".join(f"- {titled('', item.passage, words, '')}" for item in passages)]
    if left_out:
        listed = [f"- {titled('', left.item.passage, words, '')} · {words[f'why_{left.why}']}" for left in left_out]
        parts += [words["left_out"], "\n".join(listed)]
    return "\n\n".join(parts)


def _unwritten(answer: Answer, words: dict[str, Any]) -> str:
    """What to read where the model wrote nothing, or no more; all of it in the answer's language."""
    begun = [_answered(answer, words, is_stopped=False), f"**{words['cut']}**"]
    listed = [f"- {titled('', cite.passage, words, _place(cite))} {_in_short(cite, words)}" for cite in answer.quotes]
    again = [f"[{words['again']}]({AGAIN})"] if answer.reason and answer.reason.is_passing else []
    return "\n\n".join([*(begun if answer.sentences else [escape(answer.text)]), "\n".join(listed), *again])


def _in_short(cite: Citation, words: dict[str, Any]) -> str:
    said = " ".join(cite.quote.split())
    short = said if len(said) <= QUOTE_CHARACTERS_MAX else f"{said[: QUOTE_CHARACTERS_MAX - 1].rstrip()}…"
    return str(words["quote"].format(text=escape(short)))


def _source(cite: Citation, answer: Answer, words: dict[str, Any]) -> str:
    """An entry of the sources; one in another language than the answer says so, with its own words to compare."""
    language = spoken(cite.passage.chunk.text) or answer.language
    entry = f"- {titled(f'{cite.n} · ', cite.passage, words, _place(cite))}"
    if language is answer.language:
        return entry
    quote = "" if answer.is_quoted else f" {_in_short(cite, words)}"
    return f"{entry} · {words['in_language'][language.value]}{quote}"


def _refusal(answer: Answer, words: dict[str, Any]) -> str:
    near = [f"- {titled('', item.passage, words, '')}" for item in answer.nearest]
    return "\n\n".join([escape(answer.text), *((words["nearest"], "\n".join(near)) if near else ())])


def _sentence(sentence: Sentence, cited: dict[int, Citation], words: dict[str, Any]) -> str:
    marks = [mark_of(cited[number]) for number in sentence.citations]
    doubted = [] if sentence.supported else [doubts(sentence.why, words)]
    return " ".join((escape(sentence.text), *marks, *doubted))


def doubts(whys: Sequence[Why], words: dict[str, Any]) -> str:
    """Why a sentence is not supported, in brackets; of one that is computed, what from."""
    told = [_doubt(why, words) for why in whys if why.doubt is not Doubt.WORDS][:DOUBTS_TOLD_MAX]
    if is_computed(whys):
        return f"({', '.join(told)})"
    return f"({words['unsupported']}{words['because'] if told else ''}{', '.join(told)})"


def _doubt(why: Why, words: dict[str, Any]) -> str:
    named = words["doubts"][why.doubt.value]
    return str(named.format(text=escape(why.text), operands=escape(", ".join(why.operands))))


def mark_of(citation: Citation) -> str:
    """The number of a citation, which opens its source at the quote."""
    return f"[{citation.n}]({_address(citation.passage, _place(citation))}&n={citation.n})"


def titled(mark: str, passage: Passage, words: dict[str, Any], place: str) -> str:
    """The title of a passage's document with its page, which opens it there."""
    name = ", ".join(filter(None, (passage.document.title, place_of(passage, words))))
    return f"[{mark}{escape(name)}]({_address(passage, place)})"


def _place(citation: Citation) -> str:
    return f"?quote={citation.start}-{citation.end}"


def _address(passage: Passage, place: str) -> str:
    return f"/sources/{passage.document.collection_id}/{passage.document.id}/passages/{passage.id}{place}"
