"""What the pages say, in French and English."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from rag.answering.answer import Language

_LOCALES = Path(__file__).parent / "locales"


@cache
def texts(language: Language) -> dict[str, Any]:
    """All texts of a language."""
    return tomllib.loads((_LOCALES / f"{language.value}.toml").read_text())


def preferred(accept_language: str) -> Language:
    """The language of an Accept-Language header or a language tag: the first of ours it names, else English."""
    for part in accept_language.lower().split(","):
        if part.strip().startswith(("fr", "en")):
            return Language(part.strip()[:2])
    return Language.ENGLISH
