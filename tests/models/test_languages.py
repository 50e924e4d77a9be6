"""Real e5 weights: the axis of languages tells them apart, and what is in neither stands between."""

import numpy as np
import pytest

from models.embedder import Embedder
from models.languages import language_axis

pytestmark = pytest.mark.model

ENGLISH = (
    "Employees may carry over at most 240 hours of annual leave.",
    "The northern castle was built in 1192 by the river.",
    "You must apply within thirty days and keep a copy of the form.",
)
FRENCH = (
    "Les salariés peuvent reporter au plus 240 heures de congé annuel.",
    "Le château du nord a été construit en 1192 au bord du fleuve.",
    "Vous devez faire la demande sous trente jours et garder une copie du formulaire.",
)
NEITHER = ("| Réf. | Prix | Année |\n| A12 | 17,50 | 2024 |\n| B07 | 3,10 | 2025 |", "SAP-ERP 4.7 / X-200 / 0x1F")


def test_passages_and_questions_stand_on_the_side_of_their_language(embedder: Embedder) -> None:
    axis = embedder.language_axis
    assert np.linalg.norm(axis.direction) == pytest.approx(1, abs=1e-5)
    assert axis.english - axis.french > 0.1
    english, french = (embedder.embed_passages(texts) @ axis.direction for texts in (ENGLISH, FRENCH))
    assert english.min() > french.max()
    asked = [float(row @ axis.direction) for row in embedder.embed_queries([ENGLISH[0], FRENCH[0]])]
    assert axis.to_other(asked[0]) < 0 < axis.to_other(asked[1])
    assert all(axis.is_other(float(along), asked[1]) for along in english)
    assert not any(axis.is_other(float(along), asked[1]) for along in french)
    assert not any(axis.is_other(float(along), asked[0]) for along in english)


def test_weights_that_tell_no_languages_apart_have_no_other_side() -> None:
    axis = language_axis(lambda texts: np.ones((len(texts), 4), np.float32))
    assert not any(axis.is_other(along, 0.0) for along in (-1.0, 0.0, 1.0))


def test_tables_and_codes_are_surely_in_no_other_language(embedder: Embedder) -> None:
    axis = embedder.language_axis
    asked = float(embedder.embed_queries([FRENCH[2]])[0] @ axis.direction)
    for along in embedder.embed_passages(NEITHER) @ axis.direction:
        assert not axis.is_other(float(along), asked)


def test_the_same_in_two_languages_is_nearer_than_anything_else_in_one(embedder: Embedder) -> None:
    english, french = embedder.embed_meanings(ENGLISH), embedder.embed_meanings(FRENCH)
    axis = embedder.language_axis
    assert np.abs(np.vstack([english, french]) @ axis.direction).max() < 1e-4
    assert np.linalg.norm(english, axis=1) == pytest.approx(np.ones(len(ENGLISH)), abs=1e-4)
    nearness = english @ french.T
    assert (nearness.argmax(axis=1) == np.arange(len(ENGLISH))).all()
