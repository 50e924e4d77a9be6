"""Many answers at once on real weights: each as if alone, none frozen by another, nothing shared but the head."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.chat_format import Message
from models.errors import EngineFailed, GrammarWrong
from models.generation import Done, GenerationEvent, GenerationRequest, Sampling, Started, Token, Waiting
from models.generator import LlamaGenerator, open_generator
from tests.models.generator_contract import FILLER, SYSTEM, Asker, asked, done_of, run, text_of
from tests.models.plain import written

pytestmark = pytest.mark.model

QUESTIONS = ("What is the capital of France?", "How many days has a week?", "Name a primary colour.", "What is 2 + 3?")


@pytest.fixture(scope="module")
def engine(small_generator: Path) -> Iterator[LlamaGenerator]:
    engine = open_generator(small_generator, threads=1, context_tokens=2048, queue_max=16, slots=3)
    yield engine
    engine.close()


@pytest.fixture
def writer(engine: LlamaGenerator) -> Iterator[Asker]:
    """Somebody whose long answer is being written."""
    asker = Asker(engine, asked("Count from 1 to 500.", 600))
    asker.wait_for(Token)
    yield asker
    asker.cancelled.set()
    asker.join()


def _turn(person: str, conversation: str, *said: str, max_tokens: int = 6) -> GenerationRequest:
    roles = ("user", "assistant")
    turns = [Message(roles[place % 2], text) for place, text in enumerate(said)]
    return GenerationRequest((SYSTEM, *turns), max_tokens, person=person, conversation=conversation)


def _until_some_wait(askers: Sequence[Asker], count: int) -> None:
    """Whichever come last to the line."""
    end = time.monotonic() + 60
    while sum(bool(asker.places) for asker in askers) < count:
        assert time.monotonic() < end
        time.sleep(0.005)


def _kept(events: Sequence[GenerationEvent]) -> int:
    return next(event.kept_tokens for event in events if isinstance(event, Started))


def test_each_answer_is_what_it_is_alone(small_generator: Path, engine: LlamaGenerator) -> None:
    alone = [written(small_generator, asked(question, 16)) for question in QUESTIONS]
    together = [Asker(engine, asked(question, 16)) for question in QUESTIONS]
    for asker in together:
        asker.join()
    assert [text_of(asker.events) for asker in together] == alone


def test_who_moves_to_a_slot_that_became_free_goes_on_with_the_same_answer(
    small_generator: Path, engine: LlamaGenerator
) -> None:
    question = asked("Count from 1 to 500.", 40)
    before = [Asker(engine, asked(f"Count from {start} to 500.", 600)) for start in (3, 4)]
    for asker in before:
        asker.wait_for(Token)
    last = Asker(engine, question)
    last.wait_for(Token)
    (job,) = (job for job in engine._scheduler.running if job.request is question)
    assert job.slot == 2
    before[0].cancelled.set()
    last.join()
    assert job.slot == 0
    assert text_of(last.events) == written(small_generator, question)
    before[1].cancelled.set()
    for asker in before:
        asker.join()


def test_a_drawn_answer_follows_its_seed(engine: LlamaGenerator) -> None:
    def drawn(seed: int) -> str:
        sampling = Sampling(0.9, min_p=0.02, repeat_penalty=1.1, seed=seed)
        return text_of(run(engine, replace(asked("Name an animal.", 8), sampling=sampling)))

    first = [drawn(seed) for seed in range(5)]
    assert [drawn(seed) for seed in range(5)] == first
    assert len(set(first)) > 1


def test_a_repetition_penalty_makes_an_answer_repeat_less(engine: LlamaGenerator) -> None:
    question = asked("Repeat the word yes many times: yes yes yes", 24)
    plain, varied = (text_of(run(engine, replace(question, sampling=Sampling(repeat_penalty=p)))) for p in (1.0, 1.8))
    assert len(set(varied.split())) > len(set(plain.split()))


def test_a_long_prompt_does_not_freeze_who_is_being_answered(engine: LlamaGenerator, writer: Asker) -> None:
    reader = Asker(engine, asked(FILLER * 4, 1))
    reader.wait_for(Started)
    before = len(writer.events)
    reader.wait_for(Done)
    read = done_of(reader.events).prompt_tokens
    assert len(writer.events) - before >= read // 64 - 2  # a token for each chunk of 64


def test_a_cancel_frees_the_slot_within_a_step_and_the_others_go_on(engine: LlamaGenerator, writer: Asker) -> None:
    others = [Asker(engine, asked(f"Count from {start} to 500.", 400)) for start in (3, 4)]
    for asker in others:
        asker.wait_for(Token)
    waiting = Asker(engine, asked("Say yes.", 2))
    waiting.wait_for(Waiting)
    others[0].cancelled.set()
    waiting.join()
    assert waiting.places == [1]
    assert done_of(waiting.events).answer_tokens > 0
    seen = len(writer.events)
    time.sleep(1)
    assert len(writer.events) > seen
    others[1].cancelled.set()
    for asker in others:
        asker.join()
    assert [done_of(asker.events).reason for asker in others] == ["cancelled"] * 2


def test_somebody_with_many_requests_does_not_starve_the_others(engine: LlamaGenerator) -> None:
    tabs = [Asker(engine, replace(asked("Count from 1 to 500.", 150), person="ten")) for _ in range(8)]
    _until_some_wait(tabs, 5)
    one = Asker(engine, replace(asked("Say yes.", 2), person="one"))
    one.join()
    assert sum(tab.is_alive() for tab in tabs) >= 4
    for tab in tabs:
        tab.cancelled.set()
        tab.join()


def test_those_in_line_are_told_about_how_long_they_wait(engine: LlamaGenerator) -> None:
    run(engine, asked("Say yes.", 2))
    askers = [Asker(engine, asked("Count from 1 to 500.", 300)) for _ in range(4)]
    _until_some_wait(askers, 1)
    for asker in askers:
        asker.cancelled.set()
        asker.join()
    told = [event for asker in askers for event in asker.events if isinstance(event, Waiting)]
    assert told
    assert all(event.seconds is not None and event.seconds > 0 for event in told)


def test_an_answer_past_its_time_ends_as_it_is(engine: LlamaGenerator) -> None:
    done = done_of(run(engine, replace(asked("Count from 1 to 500.", 600), seconds_max=2)))
    assert done.reason == "deadline"
    assert 0 < done.answer_tokens < 600


def test_time_that_is_up_in_line_ends_there(engine: LlamaGenerator) -> None:
    askers = [Asker(engine, asked("Count from 1 to 500.", 400)) for _ in range(3)]
    for asker in askers:
        asker.wait_for(Token)
    assert done_of(run(engine, replace(asked("Say yes."), seconds_max=0.2))).reason == "deadline"
    for asker in askers:
        asker.cancelled.set()
        asker.join()


def test_an_error_in_one_request_never_touches_another(
    engine: LlamaGenerator, writer: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = GenerationRequest((SYSTEM, Message("user", "x")), 5, Sampling("warm"))  # type: ignore[arg-type]
    with pytest.raises(EngineFailed, match="the request was dropped"):
        run(engine, broken)
    real = engine._engine.context.decode

    def failing(parts: Any) -> list[int]:
        if any(part.position == 0 and len(part.tokens) < 30 for part in parts):
            raise EngineFailed("llama_decode returned -1; the request was dropped, ask again")
        return real(parts)

    with monkeypatch.context() as context:
        context.setattr(engine._engine.context, "decode", failing)
        with pytest.raises(EngineFailed, match="returned -1"):
            run(engine, asked("x", system=False))
    seen = len(writer.events)
    writer.wait_for(Token)
    time.sleep(1)
    assert writer.is_alive()
    assert len(writer.events) > seen


def test_answers_held_to_a_shape_run_beside_free_ones(engine: LlamaGenerator, writer: Asker) -> None:
    schema = json.dumps(
        {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}, "is_capital": {"type": "boolean"}},
            "required": ["city", "is_capital"],
            "additionalProperties": False,
        }
    )
    said = text_of(run(engine, replace(asked("Is Paris a capital? Answer in JSON.", 60), json_schema=schema)))
    assert set(json.loads(said)) == {"city", "is_capital"}
    chosen = run(engine, replace(asked("Is the sky green?"), grammar='root ::= "perhaps" | "maybe"'))
    assert text_of(chosen) in ("perhaps", "maybe")
    assert done_of(chosen).reason == "stop"
    assert writer.is_alive()


@pytest.mark.parametrize(
    "grammar",
    [
        "root ::= [",
        "root ::= missing",
        'root ::= root "x"',
        "a ::= b",
        'root ::= (("")*)*',
        "\x00",
        "root ::= " + "(" * 9999,
    ],
)
def test_a_malformed_grammar_is_refused(engine: LlamaGenerator, grammar: str) -> None:
    with pytest.raises(GrammarWrong):
        run(engine, replace(asked("Say yes."), grammar=grammar))
    assert done_of(run(engine, asked("Say yes.", 2))).answer_tokens > 0


@pytest.mark.parametrize(
    "grammar", ['root ::= ((a?)*)*\na ::= ("x"?)*', "root ::= ", 'root ::= "\\x00"*', "root ::= [^\\x00-\\U0010FFFF]"]
)
def test_a_strange_grammar_ends_one_way_or_the_other(engine: LlamaGenerator, grammar: str) -> None:
    with suppress(GrammarWrong, EngineFailed):
        assert isinstance(run(engine, replace(asked("Say yes.", 4), grammar=grammar))[-1], Done)
    assert done_of(run(engine, asked("Say yes.", 2))).answer_tokens > 0


def test_a_conversations_next_turn_reads_only_what_is_new(engine: LlamaGenerator) -> None:
    first = run(engine, _turn("anna", "c1", FILLER))
    answered = text_of(first)
    again = _turn("anna", "c1", FILLER, answered, "And how many days?")
    assert engine.remembers("anna", "c1")
    assert not engine.remembers("bert", "c1")
    reused = run(engine, again)
    assert _kept(reused) >= done_of(first).prompt_tokens
    engine.forget("anna", "c1")
    fresh = run(engine, again)
    assert _kept(fresh) < 40
    assert text_of(reused) == text_of(fresh)


def test_nothing_is_remembered_for_another_person_or_conversation(engine: LlamaGenerator) -> None:
    question = _turn("anna", "c2", FILLER)
    public = engine._prompt(question)[1]
    run(engine, question)
    for person, conversation in (("bert", "c2"), ("anna", "c3"), ("", "c2"), ("anna", "")):
        assert _kept(run(engine, replace(question, person=person, conversation=conversation))) == public
    engine.forget("anna")
    engine.forget("bert")
    assert not len(engine._engine.kept)


def test_what_a_person_waits_for_does_not_depend_on_what_another_asked(engine: LlamaGenerator) -> None:
    """Steps are counted, not seconds: the same number of passes whether or not somebody else read the same text."""

    def steps(person: str, text: str) -> int:
        before = engine._engine.steps
        run(engine, _turn(person, f"of {person}", text, max_tokens=1))
        return engine._engine.steps - before

    steps("warm", "x")
    never_asked = steps("bert", FILLER + "First.")
    steps("anna", FILLER + "Second.")
    assert steps("carl", FILLER + "Second.") == never_asked


def test_a_conversation_that_goes_another_way_keeps_what_is_the_same(engine: LlamaGenerator) -> None:
    run(engine, _turn("dora", "c", FILLER + "First question?"))
    other = _turn("dora", "c", FILLER + "Second question, edited?")
    kept = run(engine, other)
    whole = done_of(kept).prompt_tokens
    assert whole - 30 < _kept(kept) < whole
    engine.forget("dora")
    assert text_of(run(engine, other)) == text_of(kept)


def test_keys_and_values_of_half_the_size_answer_too(small_generator: Path) -> None:
    sizes = {}
    for kv_type in ("f16", "q8_0"):
        engine = open_generator(small_generator, threads=1, context_tokens=1024, slots=2, kv_type=kv_type)
        assert "Paris" in text_of(run(engine, replace(asked(QUESTIONS[0]), person="a", conversation="b")))
        sizes[kv_type] = engine._engine.kept.bytes
        engine.close()
    assert sizes["q8_0"] < 0.6 * sizes["f16"]


def test_what_is_remembered_stays_within_its_bytes(small_generator: Path) -> None:
    engine = open_generator(small_generator, threads=1, context_tokens=1024, slots=2, kept_mib=4)
    for turn in range(4):
        run(engine, _turn("anna", str(turn), FILLER[:800], max_tokens=1))
    assert 0 < engine._engine.kept.bytes <= 4 << 20
    assert engine._engine.kept.evictions > 0
    engine.close()


def test_an_enormous_request_is_refused_before_it_is_counted(engine: LlamaGenerator) -> None:
    started = time.perf_counter()
    with pytest.raises(Exception, match="9000000 characters of prompt exceed the context of 2048; ask more briefly"):
        run(engine, GenerationRequest((Message("user", "x " * 4_500_000),), 5))
    assert time.perf_counter() - started < 0.5


def test_closing_while_many_run_and_wait_ends_all_of_them(small_generator: Path) -> None:
    engine = open_generator(small_generator, threads=1, context_tokens=512, slots=2)
    askers = [Asker(engine, asked("Count from 1 to 500.", 300)) for _ in range(5)]
    askers[0].wait_for(Token)
    engine.close()
    for asker in askers:
        asker.join(5)
    assert not any(asker.is_alive() for asker in askers)
