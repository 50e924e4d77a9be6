"""Whether an answer says what was expected: one of the wordings stands in it as whole words."""

from collections.abc import Collection

from rag.answering.answer import Language
from rag.evaluating.wording import stands_in, wording


def contains(answer: str, expected: Collection[str], language: Language) -> bool | None:
    """None where nothing was expected. A refusal is an empty answer: it contains nothing."""
    if not expected:
        return None
    words = wording(answer, language)
    return any(stands_in(wording(text, language), words) for text in expected)
