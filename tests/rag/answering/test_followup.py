"""Follow-ups made standalone, by rules and by a model that may do it badly."""

import threading
from collections.abc import Iterator

import pytest

from models.chat_format import Message
from models.errors import EngineBusy
from models.generation import Done, GenerationEvent, GenerationRequest, Started, Token
from rag.answering.answer import FollowUp, Language, Turn, Understood
from rag.answering.followup import by_model, by_rules, is_faithful, is_follow_up

HISTORY = (Turn("user", "How many days of leave do employees have?"), Turn("assistant", "Twenty-five days."))
SYSTEM = Message("system", "Answer.")


class Writes:
    """A generator that writes one text, whatever it is asked."""

    model_name, context_tokens = "writes", 4096

    def __init__(self, text: str, reason: str = "stop") -> None:
        self._text, self._reason = text, reason
        self.asked: list[GenerationRequest] = []

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def generate(self, request: GenerationRequest, cancelled: threading.Event) -> Iterator[GenerationEvent]:
        self.asked.append(request)
        if self._text == "busy":
            raise EngineBusy("full")
        yield Started(1)
        yield Token(self._text)
        yield Done(self._reason, 1, 1, 1.0)


@pytest.mark.parametrize(
    "question",
    [
        "Et pour les apprentis en contrat court ?",
        "What about trainees with a short contract?",
        "Combien coûte-t-elle par mois en Île-de-France ?",
        "How long does it take them to answer a complaint?",
        "Est-il ouvert au public pendant les vacances scolaires ?",
        "Pourquoi ?",
        "And the second year of the contract?",
    ],
)
def test_what_leans_on_what_was_said_is_a_follow_up(question: str) -> None:
    assert is_follow_up(question)


@pytest.mark.parametrize(
    "question",
    [
        "Combien de jours de congés ont les salariés ?",
        "Y a-t-il une prime de vacances pour les cadres ?",
        "Qu'est-ce que le droit à la déconnexion des salariés ?",
        "Est-il possible de reporter des congés payés ?",
        "How many days of leave do employees have?",
        "Are there any exceptions to the travel policy?",
        "Which invoices does the head of purchasing sign?",
    ],
)
def test_what_stands_for_itself_is_none(question: str) -> None:
    assert not is_follow_up(question)
    assert by_rules(question, HISTORY, Language.FRENCH) is None


def test_the_rules_put_what_was_asked_beside_the_question() -> None:
    found = by_rules("And for trainees?", HISTORY, Language.ENGLISH)
    assert found == Understood("And for trainees? (about: “How many days of leave do employees have?”)", FollowUp.RULES)


def test_a_chain_leads_back_to_the_question_that_names_its_subject() -> None:
    history = (*HISTORY, Turn("user", "And for trainees?"), Turn("assistant", "Ten."))
    found = by_rules("Why?", history, Language.ENGLISH)
    assert found is not None
    assert found.question == "Why? (about: “And for trainees? / How many days of leave do employees have?”)"


def test_without_a_conversation_there_is_nothing_to_lean_on() -> None:
    assert by_rules("And for trainees?", (), Language.ENGLISH) is None


def test_the_model_rewrites_after_the_public_message() -> None:
    generator = Writes("How many days of leave for trainees?")
    found = by_model("And for trainees?", HISTORY, Language.ENGLISH, SYSTEM, generator)
    assert found == Understood("How many days of leave for trainees?", FollowUp.MODEL)
    assert generator.asked[0].messages[0] == SYSTEM
    assert generator.asked[0].messages[-1].content.endswith("And for trainees?")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("How many days of leave for trainees of Acme?", "stop"),
        ("How many days of leave do employees have?", "stop"),
        ("How many days of leave for trainees", "length"),
        ("", "stop"),
        ("busy", "stop"),
    ],
)
def test_the_rules_stand_in_for_a_model_that_invents_forgets_or_does_not_finish(text: str, reason: str) -> None:
    found = by_model("And for trainees?", HISTORY, Language.ENGLISH, SYSTEM, Writes(text, reason))
    assert found is not None
    assert found.by is FollowUp.RULES


def test_the_model_is_not_asked_about_a_question_that_stands_for_itself() -> None:
    generator = Writes("anything")
    assert by_model("How many days of leave do employees have?", HISTORY, Language.ENGLISH, SYSTEM, generator) is None
    assert generator.asked == []


def test_a_number_that_nobody_said_is_not_faithful() -> None:
    assert is_faithful("Combien en 2019 ?", "Et en 2019 ?", "Combien en 2018 ? Et en 2019 ?")
    assert not is_faithful("Combien en 2020 ?", "Et en 2019 ?", "Combien en 2018 ? Et en 2019 ?")
