"""The engine on real weights: the contract, what it keeps between people, and safety when things go wrong."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import llama_cpp
import pytest

from models.chat_format import Message
from models.errors import EngineFailed, WeightsCorrupt
from models.generation import GenerationRequest, Sampling, Started, Token
from models.generator import LlamaGenerator, open_generator
from models.scheduler import ON_PROCESSORS
from tests.models.generator_contract import (
    CONTEXT_TOKENS,
    FILLER,
    QUEUE_MAX,
    SYSTEM,
    TYPED,
    Asker,
    GeneratorContract,
    asked,
    done_of,
    run,
    text_of,
)

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def engine(small_generator: Path) -> Iterator[LlamaGenerator]:
    engine = open_generator(small_generator, threads=1, context_tokens=CONTEXT_TOKENS, queue_max=QUEUE_MAX)
    yield engine
    engine.close()


def _drop_context(engine: LlamaGenerator) -> None:
    """Once its thread, which owns the context, only waits: who was answered knows that its first check is over."""
    run(engine, asked("Say yes.", 1))
    engine._engine.drop_context()


class TestLlamaGenerator(GeneratorContract):
    """The contract."""

    @pytest.fixture
    def generator(self, engine: LlamaGenerator) -> LlamaGenerator:
        return engine

    @pytest.fixture
    def closable(self, small_generator: Path) -> LlamaGenerator:
        return open_generator(small_generator, threads=1, context_tokens=512)


def test_an_error_in_one_request_does_not_touch_the_next(engine: LlamaGenerator) -> None:
    expected = text_of(run(engine, asked("What is the capital of France?")))
    broken = GenerationRequest((SYSTEM, Message("user", "secret-word")), 5, Sampling("warm"))  # type: ignore[arg-type]
    with pytest.raises(EngineFailed, match="the request was dropped") as error:
        run(engine, broken)
    assert "secret-word" not in str(error.value)
    assert text_of(run(engine, asked("What is the capital of France?"))) == expected


def test_an_answer_is_the_same_whoever_asked_before(engine: LlamaGenerator) -> None:
    question = asked("Which documents describe sick leave?", 8)
    _drop_context(engine)
    alone = run(engine, question)
    run(engine, asked(FILLER + "Which documents describe sick leave?", 4))
    after = run(engine, question)
    assert text_of(after) == text_of(alone)


def test_only_the_public_system_prompt_is_kept_between_people(engine: LlamaGenerator) -> None:
    question = asked("Which documents describe sick leave?", 4)
    public = engine._prompt(question)[1]
    run(engine, question)
    again = run(engine, question)
    assert isinstance(again[0], Started)
    assert again[0].kept_tokens == public > 0
    assert engine._engine.context.cached_tokens() == len(engine._engine.kept) == 0
    without = run(engine, asked("Which documents describe sick leave?", 2, system=False))
    assert isinstance(without[0], Started)
    assert without[0].kept_tokens == 0


def test_an_answer_that_is_cancelled_leaves_nothing_either(engine: LlamaGenerator) -> None:
    busy = Asker(engine, asked("Count from 1 to 500.", 600))
    busy.wait_for(Token)
    busy.cancelled.set()
    busy.join()
    assert engine._engine.context.cached_tokens() == 0


def test_control_tokens_that_a_person_types_are_plain_text(engine: LlamaGenerator) -> None:
    prompt, _ = engine._prompt(asked(TYPED))
    marker = engine._model.tokenize("<|im_start|>", parse_special=True)[0]
    end = engine._model.tokenize("<|im_end|>", parse_special=True)[0]
    assert (prompt.count(marker), prompt.count(end)) == (3, 2)
    plain = b"".join(engine._model.piece(token) for token in engine._model.tokenize(TYPED))
    assert plain.decode() == TYPED


def test_a_context_that_fails_is_opened_anew(small_generator: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_generator(small_generator, threads=1, context_tokens=512)
    question = asked("What is the capital of France?")
    expected = text_of(run(engine, question))
    with monkeypatch.context() as broken:
        broken.setattr("models.llama.llama_cpp.llama_decode", lambda *_: -3)
        with pytest.raises(EngineFailed, match="llama_decode returned -3; the request was dropped, ask again"):
            run(engine, question)
    assert text_of(run(engine, question)) == expected
    assert engine._engine.restarts == 1
    engine.close()


def test_a_context_that_fails_for_all_at_once_is_opened_anew_too(
    small_generator: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_generator(small_generator, threads=1, context_tokens=1024, slots=2)
    askers = [Asker(engine, asked("Count from 1 to 500.", 300)) for _ in range(2)]
    for asker in askers:
        asker.wait_for(Token)
    with monkeypatch.context() as broken:
        broken.setattr("models.llama.llama_cpp.llama_decode", lambda *_: -3)
        for asker in askers:
            asker.join(20)
    assert [type(asker.error) for asker in askers] == [EngineFailed] * 2
    assert done_of(run(engine, asked("Say yes.", 2))).answer_tokens > 0
    assert engine.figures.restarts == 1
    engine.close()


def test_a_context_that_cannot_be_opened_is_tried_again_for_the_next_request(
    small_generator: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_generator(small_generator, threads=1, context_tokens=512)
    _drop_context(engine)
    with monkeypatch.context() as broken:
        broken.setattr("models.llama.llama_cpp.llama_init_from_model", lambda *_: None)
        with pytest.raises(EngineFailed, match="no memory for 1 contexts of 512 tokens"):
            run(engine, asked("Say yes."))
    assert done_of(run(engine, asked("Say yes.", 2))).answer_tokens > 0
    engine.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_waits_for_an_engine_that_died(small_generator: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_generator(small_generator, threads=1, context_tokens=512)
    monkeypatch.setattr(engine, "_step", lambda: exec("raise SystemExit"))
    with pytest.raises(EngineFailed, match="the engine stopped; ask again after the restart"):
        run(engine, asked("Say yes."))
    engine.close()


def test_a_broken_file_is_refused_without_a_crash(tmp_path: Path, small_generator: Path) -> None:
    path = tmp_path / "broken.gguf"
    with small_generator.open("rb") as source:
        path.write_bytes(source.read(5_000_000))
    with pytest.raises(WeightsCorrupt, match="no whole GGUF file"):
        open_generator(path)


def test_a_well_formed_file_that_is_no_model_is_refused(tiny: Path) -> None:
    with pytest.raises(EngineFailed, match=r"tiny-q4\.gguf: llama\.cpp cannot load this file"):
        open_generator(tiny)


def test_weights_that_only_embed_do_not_open_to_write(embedding_weights: Path) -> None:
    with pytest.raises(EngineFailed, match="embed texts and cannot write"):
        open_generator(embedding_weights)


def test_a_chat_format_that_does_not_fit_the_vocabulary_is_refused(small_generator: Path) -> None:
    with pytest.raises(EngineFailed, match=r"have no token \[SYSTEM_PROMPT\], which chat format mistral needs"):
        open_generator(small_generator, chat_format="mistral")


def test_the_likeliest_token_is_the_one_that_llama_cpp_takes(engine: LlamaGenerator) -> None:
    question = asked("Write five names of rivers.", 24)
    barely = replace(question, sampling=Sampling(repeat_penalty=1.000001))  # drawn by the chain of llama.cpp
    assert text_of(run(engine, question)) == text_of(run(engine, barely))


@pytest.mark.parametrize(("gpu_layers", "is_on_gpu"), [(-1, True), (0, False)])
def test_where_llama_cpp_finds_a_gpu_the_layers_go_there_and_prompts_are_read_in_larger_steps(
    small_generator: Path, monkeypatch: pytest.MonkeyPatch, gpu_layers: int, is_on_gpu: bool
) -> None:
    """Here it is told that there is one; the steps are real."""
    monkeypatch.setattr(llama_cpp, "llama_supports_gpu_offload", lambda: True)
    engine = open_generator(small_generator, threads=1, context_tokens=1024, slots=2, gpu_layers=gpu_layers)
    try:
        writer = Asker(engine, asked("Count from 1 to 500.", 300))
        writer.wait_for(Token)
        before = engine.figures.steps
        read = done_of(run(engine, asked(FILLER * 2, 1))).prompt_tokens
        writer.cancelled.set()
        writer.join()
        steps = engine.figures.steps - before
    finally:
        engine.close()
    assert engine._model.is_on_gpu is is_on_gpu
    assert (steps < read / ON_PROCESSORS.beside) is is_on_gpu
