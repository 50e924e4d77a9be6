"""Claim: through the engine nobody learns what another asked, keeps what they may not read, or holds up the others."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from chat.settings import Settings
from models.chat_format import Message
from models.errors import EngineBusy
from models.generation import Done, GenerationRequest, Started
from models.generator import LlamaGenerator, open_generator
from models.store import ModelStore
from rag.answering.answer import Finished, Turn
from rag.answering.answerer import Answerer
from tests.attacks.firm import DRAFT, QUESTION, SAID, Firm
from tests.models.generator_contract import FILLER, SYSTEM, Asker, asked, done_of, run
from tests.rag.answering.test_answerer import Scribe

pytestmark = [pytest.mark.model, pytest.mark.usefixtures("process_as_it_was")]
SECRET = "The merger with Numbat Holdings is signed on the ninth of May. "


@pytest.fixture(scope="module")
def engine() -> Iterator[LlamaGenerator]:
    store = ModelStore(Settings().models.folder)
    weights = store.path(store.entry("qwen2.5-coder-0.5b-instruct"))
    engine = open_generator(weights, threads=1, context_tokens=2048, queue_max=6, slots=2)
    yield engine
    engine.close()


class Remembering:
    """An engine that remembers everything."""

    def remembers(self, person: str, conversation: str) -> bool:
        return True

    def forget(self, person: str, conversation: str = "") -> None:
        """It does not."""


def _of(person: str, text: str) -> GenerationRequest:
    return GenerationRequest((SYSTEM, Message("user", text)), 1, person=person, conversation="thread")


def _steps(engine: LlamaGenerator, request: GenerationRequest) -> tuple[int, int]:
    """Passes over the weights until the end, and tokens that were not read: what a first-token time is made of."""
    before = engine._engine.steps
    events = run(engine, request)
    return engine._engine.steps - before, next(event.kept_tokens for event in events if isinstance(event, Started))


def test_a_guess_of_what_another_asked_is_read_as_slowly_as_any_other(engine: LlamaGenerator) -> None:
    run(engine, _of("warm", "x"))  # the public head
    public = engine._prompt(_of("ada", "x"))[1]
    assert done_of(run(engine, _of("ada", FILLER + SECRET))).prompt_tokens > public
    right = _steps(engine, _of("mallory", FILLER + SECRET))
    assert right[1] == public
    engine.forget("mallory")
    assert (
        _steps(engine, _of("mallory", FILLER + "The merger is off, or so they say on the ninth of May it is.")) == right
    )


def test_nothing_of_an_answer_stays_in_the_context(engine: LlamaGenerator) -> None:
    run(engine, _of("ada", FILLER + SECRET))
    assert engine._engine.context.cached_tokens() == 0


def test_who_fills_the_line_does_not_keep_the_others_out(engine: LlamaGenerator) -> None:
    tabs = [Asker(engine, replace(asked("Count from 1 to 500.", 200), person="mallory")) for _ in range(8)]
    while sum(isinstance(tab.error, EngineBusy) for tab in tabs) < 3:
        tabs[0].join(0.05)
    bob = Asker(engine, replace(asked("Say yes.", 2), person="bob"))
    bob.wait_for(Done)
    assert sum(tab.is_alive() for tab in tabs) >= 3
    for tab in tabs:
        tab.cancelled.set()
        tab.join()


def test_a_prompt_does_not_go_on_with_what_its_person_may_read_no_more(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.answering.evidence.STRENGTH_MIN", 0.3)  # the bound is one of e5's cosines, not of these
    scribe = Scribe(DRAFT)
    firm.house.__dict__["answerer"] = Answerer(firm.house.searcher, scribe, memory=Remembering())
    ada = firm.people["ada"]

    def ask(history: list[Turn]) -> str:
        grants = firm.house.policy.grants(ada)
        events = list(firm.house.answerer.answer(grants, QUESTION, history, conversation="thread"))
        assert isinstance(events[-1], Finished)
        return events[-1].answer.text

    answer = ask([])
    assert SAID["law"] in str(scribe.requests[-1].messages)
    firm.run("collection.revoke", name="law", user="ada")
    ask([Turn("user", QUESTION), Turn("assistant", answer)])
    said = [message for message in scribe.requests[-1].messages if "<passage>" in message.content]
    assert said
    assert not any(SAID["law"] in message.content for message in said)
