"""A sentence does not deny what its quote affirms, nor affirm what it denies."""

import pytest

from rag.answering.answer import Language
from rag.answering.negations import reversal

CAN = "Votre employeur peut écouter vos appels de manière ponctuelle."
CANNOT = "L'employeur ne peut pas écouter les appels des salariés."
CARRY = "You can carry over a maximum of 240 annual leave hours."
PERMIT = "Visitors must not enter the plant without a permit, but may wait in the hall."

LICENCE = (
    "Une licence ne figurant pas dans la liste des licences est soumise à la direction, qui homologue la réutilisation."
)


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("L'employeur ne peut pas écouter les appels.", CAN),
        ("L'employeur peut écouter les appels des salariés.", CANNOT),
        ("You may not carry over annual leave hours.", CARRY),
        ("It is prohibited to carry over annual leave hours.", CARRY),
        ("Visitors must not wait in the hall.", PERMIT),
        ("The hall is not for contractors.", CARRY),
        ("A deterministic machine is not the most basic machine.", 'A deterministic machine is basic ("yes" or "no").'),
        ("The fee is not $1,952 million.", "The fee (without tax) in 2019 was $1,952 million."),
        ("Les frais sont remboursés sans justificatif.", "Les frais sont remboursés avec un justificatif."),
        ("Les frais sont remboursés avec justificatif.", "Les frais sont remboursés sans justificatif."),
    ],
)
def test_the_contrary_is_found(text: str, quote: str) -> None:
    assert reversal(text, quote, _language(quote))


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("L'employeur peut écouter les appels.", CAN),
        ("Il est interdit d'écouter les appels des salariés.", CANNOT),
        ("Il n'est pas interdit à l'employeur d'écouter vos appels.", CAN),
        ("No, visitors may not enter the plant without a permit.", PERMIT),
        ("Visitors may wait in the hall.", PERMIT),
        ("You can carry over no more than 240 annual leave hours.", CARRY),
        ("The river is frozen.", CARRY),
        ("La direction homologue une licence de réutilisation.", LICENCE),
        ("Not only can you carry over annual leave hours.", CARRY),
    ],
)
def test_what_says_the_same_is_no_contrary(text: str, quote: str) -> None:
    assert not reversal(text, quote, _language(quote))


def _language(quote: str) -> Language:
    return Language.ENGLISH if quote in (CARRY, PERMIT) or "fee" in quote else Language.FRENCH
