"""Real e5 weights: meaning over languages, texts that break others, and many callers at once."""

import json
import threading
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from models.catalogue import ModelEntry
from models.embedder import Embedder, normalise, open_embedder
from models.errors import EngineFailed

pytestmark = pytest.mark.model

VECTOR = Path(__file__).parents[1] / "vectors" / "embedding.json"
FRENCH = "Les salariés peuvent reporter au plus 240 heures de congé annuel."
ENGLISH = "Employees may carry over at most 240 hours of annual leave."
UNRELATED = "La recette demande trois œufs, de la farine et du beurre fondu."


def test_a_paraphrase_in_the_other_language_is_near_and_other_matters_are_far(embedder: Embedder) -> None:
    french, english, unrelated = embedder.embed_passages([FRENCH, ENGLISH, UNRELATED])
    assert french @ english > 0.9
    assert french @ unrelated < french @ english - 0.05


def test_a_question_finds_its_passage_in_either_language(embedder: Embedder) -> None:
    passages = embedder.embed_passages([FRENCH, ENGLISH, UNRELATED])
    for question in ("Combien d'heures de congé puis-je reporter ?", "How many leave hours can I carry over?"):
        scores = passages @ embedder.embed_queries([question])[0]
        assert scores.argmin() == 2


def test_a_vector_is_the_one_that_was_saved(embedder: Embedder) -> None:
    saved = json.loads(VECTOR.read_text())
    found = embedder.embed_passages([saved["text"]])[0]
    assert np.abs(found - np.array(saved["vector"])).max() < 1e-2


def test_rows_are_unit_vectors_in_the_order_of_their_texts(embedder: Embedder) -> None:
    texts = [FRENCH, "x", ENGLISH * 5, UNRELATED, ENGLISH]
    rows = embedder.embed_passages(texts)
    assert rows.shape == (5, 384)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    for place, text in enumerate(texts):
        assert rows[place] @ embedder.embed_passages([text])[0] > 0.999


def test_questions_and_passages_have_prefixes_of_their_own(embedder: Embedder) -> None:
    assert embedder.embed_queries([FRENCH])[0] @ embedder.embed_passages([FRENCH])[0] < 0.999


def test_no_text_gives_no_row(embedder: Embedder) -> None:
    assert embedder.embed_passages([]).shape == (0, 384)
    assert embedder.embed_queries([]).shape == (0, 384)


@pytest.mark.parametrize(
    "text", ["\ufdfa" * 40, "", " ", "\x00", "\ud800", "🦊" * 200, "a" * 5000], ids=lambda text: ascii(text[:2])
)
def test_texts_that_broke_other_engines_are_embedded(text: str, embedder: Embedder) -> None:
    for row in (embedder.embed_passages([text])[0], embedder.embed_queries([text])[0]):
        assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)


def test_a_text_longer_than_the_model_is_cut(embedder: Embedder) -> None:
    long = "congé annuel reporté " * 2000
    assert embedder.count_tokens(long) > 5000
    first, second = embedder.embed_passages([long, long + UNRELATED])
    assert first @ second > 0.9999


def test_composed_and_decomposed_accents_are_the_same_text(embedder: Embedder) -> None:
    decomposed = unicodedata.normalize("NFD", FRENCH)
    assert decomposed != FRENCH
    first, second = embedder.embed_passages([FRENCH, decomposed])
    assert first @ second > 0.9999


def test_control_and_zero_width_characters_are_not_seen() -> None:
    assert normalise("con\u00adgé\u200b  annuel\x00\ufeff ") == "congé annuel"


def test_a_question_does_not_wait_for_a_load(embedder: Embedder) -> None:
    loads = [threading.Thread(target=embedder.embed_passages, args=([ENGLISH * 4] * 24,)) for _ in range(2)]
    for load in loads:
        load.start()
    time.sleep(0.05)
    embedder.embed_queries(["How many hours?"])
    assert all(load.is_alive() for load in loads)
    for load in loads:
        load.join()


def test_callers_in_parallel_get_their_own_rows(embedder: Embedder) -> None:
    texts = [f"{number} hours of leave" for number in range(12)]
    expected = embedder.embed_passages(texts)
    found: dict[int, np.ndarray] = {}

    def embed(number: int) -> None:
        found[number] = embedder.embed_passages([texts[number]])[0]

    threads = [threading.Thread(target=embed, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[number] @ expected[number] > 0.999 for number in range(12))


def test_a_long_call_uses_every_context_at_once(embedder: Embedder) -> None:
    seen: set[int] = set()
    encode = embedder._encode

    def watched(sequences: list[list[int]]) -> np.ndarray:
        seen.add(threading.get_ident())
        return encode(sequences)

    embedder._encode = watched  # type: ignore[method-assign,assignment]  # watched, not replaced
    try:
        embedder.embed_passages([ENGLISH * 8] * 6)
    finally:
        embedder._encode = encode  # type: ignore[method-assign]
    assert len(seen) == embedder.contexts == 2


def test_a_closed_embedder_says_so(embedding_weights: Path, embedding_entry: ModelEntry) -> None:
    embedder = open_embedder(embedding_weights, embedding_entry, contexts=1)
    embedder.close()
    embedder.close()
    for act in (embedder.embed_queries, embedder.embed_passages):
        with pytest.raises(EngineFailed, match="closed; ask again after the restart"):
            act(["x"])
