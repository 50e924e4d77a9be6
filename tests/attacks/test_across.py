"""Claim: no sentence is vouched for by a document in another language whose numbers, dates, names or denials differ.

The vectors here vouch for everything, as those of a poisoned or a poor encoder would.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.answering.alignment import Alignment
from rag.answering.answer import Language
from rag.documents import RankedPassage
from tests.rag.answering.conftest import ranked

__all__ = ["ranked"]

HELD = "Since 4 May 2020 the firm Contoso pays 30 euros for a dinner in Lyon."
TOLD = "Depuis le 4 mai 2020, la société Contoso paie 30 euros pour un dîner à Lyon."
ALTERED = (
    TOLD.replace("30 euros", "300 euros"),
    TOLD.replace("30 euros", "30 dollars"),
    TOLD.replace("30 euros", "trente et un euros"),
    TOLD.replace("4 mai", "5 mai"),
    TOLD.replace("mai", "mars"),
    TOLD.replace("2020", "2021"),
    TOLD.replace("Contoso", "Fabrikam"),
    TOLD.replace("Lyon", "Marseille"),
    TOLD.replace("paie", "ne paie pas"),
    TOLD.replace("paie", "ne paie jamais"),
    TOLD.replace("paie", "paie sans délai"),
    TOLD.replace("un dîner", "un dîner avant minuit").replace("30 euros", "au plus 35 euros"),
)


class SaysYes:
    """Vectors by which every text means every other."""

    def embed_meanings(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.ones((len(texts), 1), np.float32)


@pytest.fixture
def aligned(ranked: Callable[..., RankedPassage]) -> Alignment:
    return Alignment([ranked(HELD, title="")], "Que paie la société ?", Language.FRENCH, SaysYes())


def test_what_is_the_same_is_supported_by_those_vectors(aligned: Alignment) -> None:
    (cite,) = aligned.check(TOLD).citations
    assert cite.quote == HELD


@pytest.mark.parametrize("text", ALTERED)
def test_what_is_altered_is_not(aligned: Alignment, text: str) -> None:
    assert not aligned.check(text).citations
