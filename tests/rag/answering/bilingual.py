"""Meanings in the small: words of two languages that say the same count in the same place of a vector."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag.answering.answer import Language
from rag.retrieval.words import content_words, language_of

DIMENSIONS = 512
WORDS = {
    Language.FRENCH: "reporter conge annuel annee salarie semaines fermer bureau chat dort jardin",
    Language.ENGLISH: "carry leave annual year employee weeks close office cat sleeps garden",
}
"""The words of the two languages, in the same order."""
APART = 0.075
"""What the language itself makes of a vector: no two texts of two languages are nearer than the rest, as in e5."""
_UNSEEN = frozenset(
    content_words("quatre heures mars moins", Language.FRENCH)
    + content_words("four twelve hours march most", Language.ENGLISH)
)
"""What is counted and when hardly moves a vector."""
_SAME = dict(
    zip(
        content_words(WORDS[Language.FRENCH], Language.FRENCH),
        content_words(WORDS[Language.ENGLISH], Language.ENGLISH),
        strict=True,
    )
)


class Bilingual:
    """Counts what it is asked, and how often."""

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def embed_meanings(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += texts
        return np.stack([_vector(text) for text in texts])


def _vector(text: str) -> NDArray[np.float32]:
    language = language_of(text)
    row = np.full(DIMENSIONS, 1e-4, np.float32)
    for word in content_words(text, language):
        if not word.isdigit() and word not in _UNSEEN:
            digest = hashlib.sha256(_SAME.get(word, word).encode()).digest()
            row[int.from_bytes(digest[:4]) % DIMENSIONS] = 1.0
    own = [np.sqrt(APART) if language is each else 0.0 for each in Language]
    return np.asarray([*(row / np.linalg.norm(row) * np.sqrt(1 - APART)), *own], np.float32)
