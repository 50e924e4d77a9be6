"""Passages in the other language come as near as those in the question's own, whose order stays as it was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from chat.settings import Settings
from models.embedder import Embedder, open_embedder
from models.languages import LanguageAxis
from models.store import ModelStore
from rag.documents import DocumentId, PassageId
from rag.facets import Facets
from rag.retrieval.dense import search_dense
from rag.retrieval.languages import SHARE
from rag.retrieval.search import Searcher
from rag.retrieval.stages import ALL_STAGES, Stage
from rag.store.values import IndexEntry

AXIS = LanguageAxis(np.eye(8, dtype=np.float32)[0], english=0.0, french=-0.2)
SPOKEN = -0.25
FRENCH_TEXTS = (
    "Les congés payés sont posés pendant l'année de référence.",
    "Un salarié acquiert deux jours et demi de congé par mois de travail.",
    "Les jours de congé sont fixés par l'employeur chaque année.",
    "Un badge peut servir à compter le temps de travail.",
)
ENGLISH_TEXT = "You can carry over a maximum of 240 annual leave hours to the next year."
ASKED = "Combien d'heures de congé puis-je garder pour l'année suivante ?"


def _row(language: float, *rest: float) -> NDArray[np.float32]:
    """A unit row (8,) with so much along the axis, the rest in proportion."""
    other = np.zeros(7)
    other[: len(rest)] = rest
    return np.concatenate(([language], other * (1 - language**2) ** 0.5 / np.linalg.norm(other))).astype(np.float32)


def _entry(number: int, vector: NDArray[np.float32]) -> IndexEntry:
    document = DocumentId(f"d{number}")
    return IndexEntry(PassageId(f"{number:032x}"), document, vector, Facets(str(number)), "apple")


def test_the_other_language_is_raised_and_the_own_keeps_cosines_and_order(shelf: Any) -> None:
    own = [_row(-0.2 + shift, 1, 0.1 * number) for number, shift in enumerate((0.03, -0.02, 0, 0.05))]
    other, between = _row(0.0, 1, 0.25), _row(-0.09, 1, 0.35)
    rows = [*own, other, between]
    shelf.index.add(shelf.collection_id, [_entry(number, row) for number, row in enumerate(rows)])
    asked = _row(SPOKEN, 1, 0.05)
    (plain,), (across,) = (search_dense(shelf.index, [(shelf.reading, None)], asked, axis) for axis in (None, AXIS))
    raised = plain[f"{4:032x}"] + SHARE * 0.2 * -SPOKEN
    assert across[f"{4:032x}"] == pytest.approx(raised, abs=1e-5)
    rest = [name for name in plain if name != f"{4:032x}"]
    assert [name for name in across if name != f"{4:032x}"] == rest
    assert all(across[name] == pytest.approx(plain[name], abs=1e-5) for name in rest)
    assert list(across).index(f"{4:032x}") < list(plain).index(f"{4:032x}")


@pytest.fixture(scope="module")
def embedder() -> Iterator[Embedder]:
    store = ModelStore(Settings().models.folder)
    entry = store.entry("multilingual-e5-small")
    embedder = open_embedder(store.path(entry), entry, contexts=1)
    yield embedder
    embedder.close()


@pytest.mark.model
def test_a_french_question_finds_its_english_document_among_french_ones(
    shelf: Any, embedder: Embedder, tmp_path: Path
) -> None:
    shelf.embedder = shelf.loader._embedder = embedder
    folder = tmp_path / "documents"
    folder.mkdir()
    for number, text in enumerate((*FRENCH_TEXTS, ENGLISH_TEXT)):
        (folder / f"{number}.txt").write_text(text)
    shelf.load(folder)
    places = []
    for stages in (ALL_STAGES, ALL_STAGES.without(Stage.LANGUAGES)):
        searcher = Searcher(shelf.documents, shelf.index, embedder, stages)
        ranked = searcher.search([shelf.reading], ASKED).ranked_documents
        places.append([info.path for info in ranked].index(f"{len(FRENCH_TEXTS)}.txt"))
    assert places[0] < places[1]
