"""A follow-up goes on from what the model has read: same person, rights, language and filter; else it begins anew."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from models.chat_format import Message
from rag.answering.answer import Answer, Finished, Turn
from rag.answering.answerer import Answerer
from rag.answering.threads import THREADS_MAX, Thread, Threads
from rag.retrieval.filters import read_filter
from rag.retrieval.search import Searcher
from tests.rag.answering.test_answerer import GOOD, QUESTION, TEXTS, Scribe

FOLLOW_UP = "And is it 240 annual leave hours for the next year?"


class Talk:
    """A conversation with an answerer whose model is the scribe."""

    def __init__(self, shelf: Any, scribe: Scribe) -> None:
        self.scribe, self._shelf = scribe, shelf
        self.is_remembered, self.forgotten = True, list[tuple[str, str]]()
        searcher = Searcher(shelf.documents, shelf.index, shelf.embedder)
        self._answerer = Answerer(searcher, scribe, memory=self)
        self.history: list[Turn] = []

    def remembers(self, person: str, conversation: str) -> bool:
        return self.is_remembered

    def forget(self, person: str, conversation: str = "") -> None:
        self.forgotten.append((person, conversation))

    def ask(self, question: str, conversation: str = "c", **more: Any) -> Answer:
        events = self._answerer.answer(
            more.pop("grants", [self._shelf.reading]), question, self.history, conversation=conversation, **more
        )
        answer = next(event.answer for event in events if isinstance(event, Finished))
        self.history += [Turn("user", question), Turn("assistant", answer.text)]
        return answer

    @property
    def prompts(self) -> list[tuple[Message, ...]]:
        return [request.messages for request in self.scribe.requests]


@pytest.fixture
def talk(shelf: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Talk:
    monkeypatch.setattr("rag.answering.evidence.STRENGTH_MIN", 0.3)  # the bound is one of e5's cosines, not of these
    folder = tmp_path / "documents"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    shelf.load(folder)
    return Talk(shelf, Scribe(GOOD))


def _goes_on(prompts: Sequence[tuple[Message, ...]]) -> bool:
    return prompts[1][: len(prompts[0])] == prompts[0]


def test_a_follow_up_adds_to_the_prompt_and_repeats_no_passage(talk: Talk) -> None:
    talk.ask(QUESTION)
    answer = talk.ask(FOLLOW_UP)
    assert _goes_on(talk.prompts)
    first, said, second = talk.prompts[1][1:]
    assert "240 annual leave hours" in first.content
    assert (said.role, said.content) == ("assistant", GOOD)
    assert "<passage>" not in second.content or "maximum of 240" not in second.content
    assert second.content.endswith(")")
    assert [citation.passage.document.path for citation in answer.citations] == ["leave.md"]
    assert talk.scribe.requests[1].conversation == "c"
    assert talk.scribe.requests[1].person == talk.scribe.requests[0].person != ""


def test_without_a_conversation_every_prompt_stands_for_itself(talk: Talk) -> None:
    talk.ask(QUESTION, conversation="")
    talk.ask(FOLLOW_UP, conversation="")
    assert not _goes_on(talk.prompts)


@pytest.mark.parametrize(
    "change",
    [
        {"conversation": "other"},
        {"within": read_filter({"types": ["text"]})},
        {"question": "Et combien de jours de congés payés peuvent reporter les salariés ?"},
    ],
)
def test_another_conversation_filter_or_language_begins_anew(talk: Talk, change: dict[str, Any]) -> None:
    talk.ask(QUESTION)
    talk.ask(change.pop("question", FOLLOW_UP), **change)
    assert not _goes_on(talk.prompts)


def test_a_conversation_that_the_engine_has_forgotten_begins_anew(talk: Talk) -> None:
    talk.ask(QUESTION)
    talk.is_remembered = False
    talk.ask(FOLLOW_UP)
    assert not _goes_on(talk.prompts)


def test_what_follows_a_refusal_begins_anew(talk: Talk) -> None:
    talk.scribe.draft = "I do not know."
    assert talk.ask(QUESTION).reason
    talk.scribe.draft = GOOD
    talk.ask(FOLLOW_UP)
    assert not _goes_on(talk.prompts)


def test_a_conversation_that_is_deleted_is_forgotten_by_the_model_too(talk: Talk) -> None:
    talk.ask(QUESTION)
    ((person, conversation),) = talk._answerer._threads._kept
    talk._answerer.forget(person, conversation)
    assert talk.forgotten == [(person, "c")]
    talk.ask(FOLLOW_UP)
    assert not _goes_on(talk.prompts)


def test_a_question_that_was_edited_begins_anew(talk: Talk) -> None:
    talk.ask(QUESTION)
    talk.history[-2] = Turn("user", "Something else?")
    talk.ask(FOLLOW_UP)
    assert not _goes_on(talk.prompts)


def test_what_was_read_with_a_right_that_is_gone_is_read_no_more(talk: Talk) -> None:
    threads = talk._answerer._threads
    talk.ask(QUESTION)
    (key,) = threads._kept
    kept = threads._kept[key]
    assert kept.collections == {talk._shelf.reading.collection_id}
    language = talk.ask(FOLLOW_UP).language
    history = (*kept.said,)
    assert kept.fits(language, [talk._shelf.reading], history, None)
    assert not kept.fits(language, [], history, None)


def test_a_conversation_that_grew_long_begins_anew(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    talk.ask(QUESTION)
    monkeypatch.setattr("rag.answering.threads.TOKENS_MAX", 30)
    talk.ask(FOLLOW_UP)
    assert not _goes_on(talk.prompts)


def test_the_least_recent_conversations_are_forgotten_and_nobodys_are_not_kept() -> None:
    threads, thread = Threads(), Thread((), (), frozenset(), frozenset(), None, 0)
    for number in range(THREADS_MAX + 1):
        threads.put(("anna", str(number)), thread)
    assert threads.get(("anna", "0")) is None
    assert threads.get(("anna", "1")) is thread
    threads.put(("", "c"), thread)
    threads.put(("anna", ""), thread)
    assert threads.get(("", "c")) is threads.get(("anna", "")) is None
