"""The model's own "I do not find it" is told from an answer."""

import pytest

from rag.answering.answer import Language
from rag.answering.refusal import NO_ANSWER, NOT_FOUND, is_not_found, sounds_silent


@pytest.mark.parametrize("language", list(Language))
def test_the_sentence_the_prompt_asks_for_is_known(language: Language) -> None:
    assert is_not_found(NOT_FOUND[language])
    assert is_not_found(f"  {NOT_FOUND[language].upper()} ")


@pytest.mark.parametrize(
    "sentence",
    [
        "Les passages ne mentionnent pas le montant de l'amende.",
        "Le texte n'indique pas la date.",
        "Il n'y a pas d'information sur ce sujet.",
        "Le numéro n’est pas précisé dans les documents.",
        "Aucune information n'est donnée.",
        "Je ne trouve pas la réponse.",
        "The passages do not mention the fine.",
        "The provided text doesn't say when it was built.",
        "The salary is not specified in the documents.",
        "There is no information about contractors in Canada.",
        "I cannot find the answer.",
        *NO_ANSWER.values(),
    ],
)
def test_saying_nothing_is_heard(sentence: str) -> None:
    assert sounds_silent(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Les informations collectées ne sont pas transmises à des tiers.",
        "Non, l'employeur ne peut pas écouter les appels en permanence.",
        "Le salarié n'est pas obligé de donner son numéro de téléphone.",
        "La carte ne contient pas de données biométriques.",
        "No, employees may not carry over more than 240 hours.",
        "You do not need a lawyer for civil cases.",
        "The certificate is not available before 5 May.",
        "Information on health is never shared.",
    ],
)
def test_an_answer_in_the_negative_is_not_silence(sentence: str) -> None:
    assert not sounds_silent(sentence)
    assert not is_not_found(sentence)
