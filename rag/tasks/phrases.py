"""A phrase and where it stands: in any inflection, without accents, compounds as one word or in pieces."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rag.answering.answer import Language
from rag.answering.sentences import split_sentences
from rag.retrieval.words import language_of, readings

SENTENCES_MAX = 3
"""A phrase that is cut by the ends of sentences is quoted with so many of them."""
_Stems = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that must follow each other, stop words apart. `readings` are its stems in each language and reading."""

    readings: tuple[tuple[Language, _Stems], ...]

    @classmethod
    def of(cls, text: str) -> "Phrase":
        """The phrase; one of stop words alone stands nowhere."""
        if not any(readings(text, language_of(text))):
            return cls(())
        found = ((language, stems) for language in Language for stems in readings(text, language) if stems)
        return cls(tuple(dict.fromkeys(found)))

    @property
    def stems(self) -> list[_Stems]:
        """Lists of stems; a text that holds the phrase holds all of one list."""
        return list(dict.fromkeys(stems for _, stems in self.readings))

    def stands_in(self, text: str, language: Language) -> bool:
        """Whether a text of that language says it."""
        told = readings(text, language)
        wanted = [stems for spoken, stems in self.readings if spoken is language]
        return any(_holds(words, stems) for stems in wanted for words in told)

    def place_in(self, text: str, language: Language, headings: Collection[str] = ()) -> tuple[int, int] | None:
        """The first sentence of the text that says it, or neighbours that do together; None where the text does not.

        A heading is taken only where nothing else says it.
        """
        if not self.stands_in(text, language):
            return None
        spans = split_sentences(text)
        told = [span for span in spans if text[slice(*span)] not in headings]
        single = (span for span in (*told, *spans) if self.stands_in(text[slice(*span)], language))
        return next(single, None) or self._across(text, language, spans)

    def _across(self, text: str, language: Language, spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
        for count in range(2, SENTENCES_MAX + 1):
            for first in range(len(spans) - count + 1):
                start, end = spans[first][0], spans[first + count - 1][1]
                if self.stands_in(text[start:end], language):
                    return start, end
        return 0, len(text)


def _holds(words: _Stems, stems: _Stems) -> bool:
    places = range(len(words) - len(stems) + 1)
    return any(words[place : place + len(stems)] == stems for place in places)
