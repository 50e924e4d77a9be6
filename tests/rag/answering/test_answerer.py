"""A question becomes a checked, cited answer, a plain refusal, or what was written before somebody stopped it."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from models.errors import EngineAway, EngineBusy, EngineFailed, ModelError, RequestTooLong
from models.generation import Done, GenerationEvent, GenerationRequest, Started, Token, Waiting
from rag.answering.across import Meanings
from rag.answering.answer import (
    Answer,
    AnswerEvent,
    Checked,
    Finished,
    FollowUp,
    Language,
    Queued,
    Reading,
    Reason,
    Searching,
    Shortened,
    Turn,
    Understood,
    Unsupported,
    WhyLeftOut,
    Written,
)
from rag.answering.answerer import QUESTION_CHARACTERS_MAX, UNWRITTEN_PASSAGES, Answerer, earlier
from rag.answering.policy import AnswerPolicy
from rag.answering.refusal import NO_ANSWER, NOT_FOUND, NOTHING_PASSES, UNWRITTEN
from rag.retrieval.filters import read_filter
from rag.retrieval.search import Searcher
from tests.rag.answering.bilingual import Bilingual

TEXTS = {
    "leave.md": "# Leave\n\nYou can carry over a maximum of 240 annual leave hours to the next year.\n",
    "visits.csv": ",2018,2019\nVisitors,120,150\n",
    "conges.md": "# Congés\n\nLes salariés peuvent reporter dix jours de congés payés par année.\n",
}
QUESTION = "How many annual leave hours can I carry over to the next year?"
FAR = "How many hours may apprentices of other firms take over summer for training abroad?"
GOOD = "You can carry over a maximum of 240 annual leave hours."


class Scribe:
    """A whole generator that writes a given draft, a word a token, and minds the cancel flag."""

    model_name, context_tokens = "scribe", 4096

    def __init__(self, draft: str) -> None:
        self.draft = draft
        self.requests: list[GenerationRequest] = []

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def generate(self, request: GenerationRequest, cancelled: threading.Event) -> Iterator[GenerationEvent]:
        self.requests.append(request)
        prompt = sum(self.count_tokens(message.content) for message in request.messages)
        yield Waiting(1)
        yield Started(prompt)
        written = 0
        for word in self.draft.split(" ") if self.draft else []:
            if cancelled.is_set():
                yield Done("cancelled", prompt, written, 1.0 if written else None)
                return
            yield Token(word if not written else f" {word}")
            written += 1
        yield Done("stop", prompt, written, 1.0 if written else None)


class Failing(Scribe):
    """A scribe that an error stops after its draft, as a full line, missing weights or a broken context do."""

    def __init__(self, error: ModelError, draft: str = "") -> None:
        super().__init__(draft)
        self.error = error

    def generate(self, request: GenerationRequest, cancelled: threading.Event) -> Iterator[GenerationEvent]:
        if not self.draft:
            raise self.error
        for event in super().generate(request, cancelled):
            if isinstance(event, Done):
                raise self.error
            yield event


Ask = Callable[..., list[AnswerEvent]]


@pytest.fixture
def ask(shelf: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    monkeypatch.setattr("rag.answering.evidence.STRENGTH_MIN", 0.4)  # the bound is one of e5's cosines, not of these
    folder = tmp_path / "documents"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    shelf.load(folder)

    def run(
        draft: str | Scribe,
        question: str = QUESTION,
        policy: AnswerPolicy | None = None,
        meanings: Meanings | None = None,
        **more: Any,
    ) -> list[AnswerEvent]:
        scribe = draft if isinstance(draft, Scribe) else Scribe(draft)
        answerer = Answerer(Searcher(shelf.documents, shelf.index, shelf.embedder), scribe, policy, meanings)
        return list(answerer.answer([shelf.reading], question, **more))

    return run


def test_the_steps_come_in_order_and_the_text_as_it_is_written(ask: Ask) -> None:
    events = ask(GOOD)
    assert [type(event) for event in events[:3]] == [Searching, Queued, Reading]
    assert "".join(event.text for event in events if isinstance(event, Written)) == GOOD
    assert [event.sentence.text for event in events if isinstance(event, Checked)] == [GOOD]
    assert isinstance(events[-1], Finished)


def test_an_answer_is_cited_with_the_passage_that_says_it(ask: Ask) -> None:
    answer = _answer(ask(GOOD))
    assert not answer.refused
    assert answer.text == GOOD
    assert [citation.passage.document.path for citation in answer.citations] == ["leave.md"]
    assert answer.ranked_docs[0] == "leave.md"
    assert answer.timings.prompt_tokens > 0


def test_what_passes_a_filter_is_answered_from_and_the_answer_says_which(ask: Ask) -> None:
    within = read_filter({"types": ["text"]})
    answer = _answer(ask(GOOD, within=within))
    assert (answer.refused, answer.within) == (False, within)


def test_where_nothing_passes_the_filter_nothing_is_written_and_that_is_said(ask: Ask) -> None:
    scribe = Scribe(GOOD)
    answer = _answer(ask(scribe, within=read_filter({"types": ["pdf"]})))
    assert (answer.reason, answer.text) == (Reason.FILTERED_OUT, NOTHING_PASSES[Language.ENGLISH])
    assert (answer.nearest, answer.ranked_docs, scribe.requests) == ((), (), [])


def test_where_nothing_written_stands_in_the_passages_their_own_words_are_given(ask: Ask) -> None:
    answer = _answer(ask(GOOD.replace("240", "340")))
    assert answer.is_quoted
    assert answer.text == "You can carry over a maximum of 240 annual leave hours to the next year."
    assert [citation.quote for citation in answer.citations] == [answer.text]
    assert [(sentence.citations, sentence.supported) for sentence in answer.sentences] == [((1,), True)]


ASKED = "Combien d'heures de congé annuel le salarié peut reporter ?"
OTHER = "The employee can carry 240 hours of annual leave to the year."
DRAFT = "Le salarié peut reporter {} heures de congé annuel sur l'année."


@pytest.fixture
def ask_across(ask: Ask, shelf: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Over one English document."""
    monkeypatch.setattr("rag.answering.evidence.STRENGTH_MIN", 0.0)
    folder = tmp_path / "documents"
    for path in folder.iterdir():
        path.unlink()
    (folder / "carried.md").write_text(f"# Hours\n\nThe cat sleeps in the garden. {OTHER}\n")
    shelf.load(folder)
    return ask


def test_an_answer_in_another_language_than_its_document_is_supported(ask_across: Ask) -> None:
    answer = _answer(ask_across(DRAFT.format(240), ASKED, meanings=Bilingual()))
    assert (answer.text, answer.is_quoted, answer.language) == (DRAFT.format(240), False, Language.FRENCH)
    assert [citation.quote for citation in answer.citations] == [OTHER]
    assert [(sentence.citations, sentence.supported) for sentence in answer.sentences] == [((1,), True)]
    refused = _answer(ask_across(DRAFT.format(240), ASKED))
    assert refused.reason is Reason.NOTHING_SUPPORTED


def test_where_its_number_differs_the_document_is_quoted_in_its_language(ask_across: Ask) -> None:
    answer = _answer(ask_across(DRAFT.format(999), ASKED, meanings=Bilingual()))
    assert answer.is_quoted
    assert answer.text == OTHER
    assert [citation.quote for citation in answer.citations] == [OTHER]
    assert _answer(ask_across("Le train part demain.", ASKED, meanings=Bilingual())).refused


def test_a_number_the_passages_do_not_hold_makes_a_refusal(ask: Ask) -> None:
    answer = _answer(ask("Apprentices take 340 hours.", FAR))
    assert answer.reason is Reason.NOTHING_SUPPORTED
    assert answer.text == NO_ANSWER[Language.ENGLISH]
    assert answer.citations == ()
    assert answer.nearest


def test_what_no_passage_supports_is_withheld_where_the_house_says_so(ask: Ask) -> None:
    draft = f"{GOOD.replace('240', '340')} {GOOD}"
    events = ask(draft, policy=AnswerPolicy(unsupported=Unsupported.WITHHOLD))
    assert not any(isinstance(event, Written) for event in events)
    assert GOOD.replace("240", "340") not in str(events)
    assert (_answer(events).text, _answer(events).withheld) == (GOOD, 1)


def test_the_model_saying_that_it_does_not_know_is_a_refusal(ask: Ask) -> None:
    assert _answer(ask(NOT_FOUND[Language.ENGLISH])).reason is Reason.MODEL_SILENT


def test_an_empty_draft_is_a_refusal(ask: Ask) -> None:
    assert _answer(ask("", FAR)).reason is Reason.NOTHING_SUPPORTED


def test_weak_evidence_is_refused_without_asking_the_model(ask: Ask) -> None:
    scribe = Scribe("Anything.")
    answer = _answer(ask(scribe, "xylophone zymurgy quasar?"))
    assert answer.reason is Reason.WEAK_EVIDENCE
    assert scribe.requests == []
    assert answer.timings.first_token_ms is None


def test_a_question_over_the_bound_is_told_so_and_not_cut(ask: Ask) -> None:
    scribe = Scribe("Anything.")
    answer = _answer(ask(scribe, "congé " * QUESTION_CHARACTERS_MAX))
    assert answer.reason is Reason.TOO_LONG
    assert f"{QUESTION_CHARACTERS_MAX}" in answer.text
    assert scribe.requests == []


def test_a_stopped_answer_keeps_what_was_written_and_is_no_refusal(ask: Ask) -> None:
    stop = threading.Event()
    stop.set()
    answer = _answer(ask(GOOD, cancelled=stop))
    assert not answer.refused
    assert answer.text == ""
    assert answer.sentences == ()


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Combien de jours de congés payés peut-on reporter ?", Language.FRENCH),
        ("report conges payes salaries", Language.FRENCH),
        (QUESTION, Language.ENGLISH),
    ],
)
def test_the_answer_is_in_the_language_of_the_question_or_of_what_was_found(
    ask: Ask, question: str, language: Language
) -> None:
    assert _answer(ask("", question)).language is language


@pytest.mark.parametrize("language", list(Language))
def test_a_question_that_tells_no_language_is_answered_in_the_pages(ask: Ask, language: Language) -> None:
    assert _answer(ask("", "quasar zymurgy 240", otherwise=language)).language is language


def test_the_last_two_questions_are_searched_with_a_follow_up() -> None:
    history = [Turn("user", "a"), Turn("assistant", "x"), Turn("user", "b"), Turn("user", "c")]
    assert earlier(history) == "c\nb"


def test_a_link_in_a_draft_never_reaches_the_answer(ask: Ask) -> None:
    answer = _answer(ask(f"{GOOD} ![x](http://evil.example/a.png) [1]"))
    assert "evil" not in answer.text
    assert all("[" not in sentence.text for sentence in answer.sentences)


def _answer(events: list[AnswerEvent]) -> Answer:
    last = events[-1]
    assert isinstance(last, Finished)
    return last.answer


def test_a_follow_up_is_told_as_it_is_understood_and_answered_so(ask: Ask) -> None:
    scribe = Scribe(GOOD)
    history = (Turn("user", QUESTION), Turn("assistant", GOOD))
    events = ask(scribe, "And what about it next year?", history=history)
    (understood,) = (event for event in events if isinstance(event, Understood))
    assert understood == Understood(f"And what about it next year? (about: “{QUESTION}”)", FollowUp.RULES)
    assert scribe.requests[0].messages[-1].content.endswith(understood.question)
    assert _answer(events).understood == understood


def test_a_follow_up_is_taken_as_it_stands_where_the_installation_says_so(ask: Ask) -> None:
    history = (Turn("user", QUESTION), Turn("assistant", GOOD))
    events = ask(GOOD, "And what about leave next year?", history=history, policy=AnswerPolicy(follow_up=None))
    assert not any(isinstance(event, Understood) for event in events)


def test_a_long_conversation_is_told_to_be_shortened(ask: Ask) -> None:
    history = [turn for number in range(40) for turn in (Turn("user", f"{QUESTION} {number}"), Turn("assistant", GOOD))]
    (told,) = (event for event in ask(GOOD, history=history) if isinstance(event, Shortened))
    assert told.left_out > 0


def test_what_is_read_and_what_is_left_out_is_told(ask: Ask) -> None:
    events = ask(GOOD, policy=AnswerPolicy(passages_max=1))
    (reading,) = (event for event in events if isinstance(event, Reading))
    answer = _answer(events)
    assert [item.passage.document.path for item in reading.passages] == ["leave.md"]
    assert {left.why for left in reading.left_out} == {WhyLeftOut.RANK}
    assert (answer.read, answer.left_out) == (reading.passages, reading.left_out)


def test_what_follows_from_a_row_is_answered_without_the_model(ask: Ask) -> None:
    scribe = Scribe("Anything.")
    answer = _answer(ask(scribe, "What is the change in visitors between 2018 and 2019?"))
    assert scribe.requests == []
    assert answer.text == "Visitors: 120 (2018), 150 (2019). The change is 30, that is 25.00%."
    assert [sentence.supported for sentence in answer.sentences] == [True, False]
    assert answer.citations[0].quote == "Visitors; 2018: 120; 2019: 150"


TROUBLES = {
    Reason.MODEL_AWAY: EngineAway("weights x.gguf are not here; run `huisclos models pull`"),
    Reason.MODEL_BUSY: EngineBusy("16 requests are waiting already"),
    Reason.MODEL_FAILED: EngineFailed("llama_decode returned -3"),
    Reason.MODEL_CONTEXT: RequestTooLong("prompt of 9000 tokens and answer of 400 exceed the context of 4096"),
}


@pytest.mark.parametrize(("reason", "error"), TROUBLES.items())
@pytest.mark.parametrize(
    ("question", "language"),
    [(QUESTION, Language.ENGLISH), ("Combien de jours de congés payés les salariés reportent-ils ?", Language.FRENCH)],
)
def test_where_the_model_cannot_write_the_passages_are_given_and_why(
    ask: Ask, reason: Reason, error: ModelError, question: str, language: Language
) -> None:
    events = ask(Failing(error), question)
    answer = _answer(events)
    assert (answer.reason, answer.refused, answer.is_unwritten) == (reason, True, True)
    assert answer.text == UNWRITTEN[reason][language]
    assert "x.gguf" not in str(events)
    assert {item.passage.document.path for item in answer.nearest} == {"leave.md", "conges.md", "visits.csv"}
    assert [cite.passage.id for cite in answer.quotes] == [item.passage.id for item in answer.nearest]
    for cite in answer.quotes:
        assert cite.passage.chunk.text[cite.start : cite.end] == cite.quote
    assert (answer.sentences, answer.citations, answer.read) == ((), (), ())


def test_the_passages_that_are_given_are_bounded(ask: Ask, shelf: Any, tmp_path: Path) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    for number in range(2 * UNWRITTEN_PASSAGES):
        text = f"# Leave {number}\n\nTeam {number} can carry over {number} annual leave hours to the next year.\n"
        (folder / f"{number}.md").write_text(text)
    shelf.load(folder)
    answer = _answer(ask(Failing(TROUBLES[Reason.MODEL_AWAY])))
    assert len(answer.nearest) == len(answer.quotes) == UNWRITTEN_PASSAGES


def test_what_was_checked_before_the_model_failed_stays_without_the_sentence_that_was_begun(ask: Ask) -> None:
    events = ask(Failing(TROUBLES[Reason.MODEL_FAILED], f"{GOOD} Apprentices may"))
    answer = _answer(events)
    assert (answer.reason, answer.refused, answer.is_unwritten) == (Reason.MODEL_FAILED, False, True)
    assert (answer.text, [sentence.supported for sentence in answer.sentences]) == (GOOD, [True])
    assert [citation.passage.document.path for citation in answer.citations] == ["leave.md"]
    assert answer.nearest
    assert answer.read


def test_what_no_passage_supports_is_not_kept_of_an_answer_that_was_cut(ask: Ask) -> None:
    answer = _answer(ask(Failing(TROUBLES[Reason.MODEL_FAILED], "Apprentices take 340 hours. They may")))
    assert (answer.text, answer.sentences) == (UNWRITTEN[Reason.MODEL_FAILED][Language.ENGLISH], ())


def test_without_a_model_weak_evidence_is_refused_and_a_row_is_worked_out_as_ever(ask: Ask) -> None:
    away = Failing(TROUBLES[Reason.MODEL_AWAY])
    assert _answer(ask(away, "xylophone zymurgy quasar?")).reason is Reason.WEAK_EVIDENCE
    assert _answer(ask(away, "What is the change in visitors between 2018 and 2019?")).reason is None


def test_without_a_model_a_follow_up_is_taken_by_the_rules(ask: Ask) -> None:
    history = (Turn("user", QUESTION), Turn("assistant", GOOD))
    policy = AnswerPolicy(follow_up=FollowUp.MODEL)
    for error in TROUBLES.values():
        events = ask(Failing(error), "And what about it next year?", history=history, policy=policy)
        (understood,) = (event for event in events if isinstance(event, Understood))
        assert understood.by is FollowUp.RULES
        assert _answer(events).is_unwritten


def test_who_waits_in_line_sees_what_will_be_read(ask: Ask) -> None:
    events = ask(GOOD)
    (queued,) = (event for event in events if isinstance(event, Queued))
    (reading,) = (event for event in events if isinstance(event, Reading))
    assert queued.passages == reading.passages != ()
