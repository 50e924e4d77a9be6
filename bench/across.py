"""How many sentences are marked as supported by passages of another language, right ones and wrong ones.

`python -m bench.across PAIRS [--sample N] [--seed N] [--show]`: JSON lines in the order of their documents with `group`
(the document), `en` and `fr`: the same said in both languages, as the sections of a law are that is written in both.
One side is the sentence of an answer; the other sides of SECTIONS neighbours are a passage, and its own and the two
nearest passages are read. Sentences are checked as they are ("right"), with their pair taken out ("absent": the rest
may be mistaken for it), with a number changed ("number"), and denied or no longer denied ("polarity").
"""

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.support import denied, other_digit, passage
from chat.settings import Settings
from models.catalogue import Task
from models.embedder import open_embedder
from models.store import ModelStore
from rag.answering.across import Meanings
from rag.answering.alignment import Alignment
from rag.answering.answer import Language
from rag.answering.claims import claims

SECTIONS, PASSAGES = 6, 3


@dataclass(frozen=True, slots=True)
class Pair:
    """The same in two languages."""

    group: str
    en: str
    fr: str

    def side(self, language: Language) -> str:
        """What it says in that language."""
        return self.en if language is Language.ENGLISH else self.fr


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence of an answer in a language, and the pairs that are read in the other."""

    kind: str
    text: str
    language: Language
    passages: tuple[tuple[Pair, ...], ...]
    pair: Pair

    def quotes(self, meanings: Meanings) -> list[str]:
        """What it is marked as supported by."""
        other = next(each for each in Language if each is not self.language)
        read = [passage("", "\n".join(pair.side(other) for pair in pairs)) for pairs in self.passages if pairs]
        found = Alignment(read, "", self.language, meanings).check(self.text)
        return [] if found.why else [cite.quote for cite in found.citations]


class Kept:
    """Vectors of texts, each embedded once."""

    def __init__(self, meanings: Meanings) -> None:
        self._meanings = meanings
        self._held: dict[str, NDArray[np.float32]] = {}

    def embed_meanings(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows (n, d) float32."""
        new = [text for text in dict.fromkeys(texts) if text not in self._held]
        if new:
            self._held.update(zip(new, self._meanings.embed_meanings(new), strict=True))
        return np.stack([self._held[text] for text in texts])


def main() -> None:
    """Print, for each language of the answer and each kind, how many are marked."""
    options = _options()
    pairs = [Pair(**json.loads(line)) for line in options.pairs.read_text().splitlines()]
    meanings = Kept(_embedder())
    for language in Language:
        counted: dict[str, list[bool]] = defaultdict(list)
        for case in cases(pairs, language, meanings, options.sample, random.Random(options.seed)):
            quotes = case.quotes(meanings)
            counted[case.kind].append(bool(quotes))
            if quotes and options.show and case.kind != "right":
                print(f"  {case.kind}: {case.text}\n      « {' » « '.join(quotes)} »")
        for kind, marked in counted.items():
            print(f"{language} {kind:<10}{len(marked):>6} {sum(marked):>6} {sum(marked) / len(marked):7.1%}")
        wrong = [each for kind, marked in counted.items() if kind != "right" for each in marked]
        print(f"{language} {'all wrong':<10}{len(wrong):>6} {sum(wrong):>6} {sum(wrong) / len(wrong):7.1%}", flush=True)


def cases(
    pairs: Sequence[Pair], language: Language, meanings: Meanings, size: int, chance: random.Random
) -> Iterator[Case]:
    """For `size` pairs: right, absent, and with number or polarity changed where they have one to change."""
    other = next(each for each in Language if each is not language)
    passages = _passages(pairs)
    vectors = meanings.embed_meanings([pair.side(other) for pair in pairs])
    asked = meanings.embed_meanings([pair.side(language) for pair in pairs])
    places = np.repeat(np.arange(len(passages)), [len(each) for each in passages])
    for at in chance.sample(range(len(pairs)), min(size, len(pairs))):
        nearness = np.full(len(passages), -1.0)
        np.maximum.at(nearness, places, vectors @ asked[at])
        nearness[places[at]] = 2.0
        read = tuple(passages[place] for place in np.argsort(-nearness)[:PASSAGES])
        right = Case("right", pairs[at].side(language), language, read, pairs[at])
        yield right
        left = tuple(tuple(pair for pair in each if pair is not pairs[at]) for each in read)
        yield replace(right, kind="absent", passages=left)
        for kind, text in (("number", _other_number(right.text, chance)), ("polarity", denied(right.text))):
            if text:
                yield replace(right, kind=kind, text=text)


def _passages(pairs: Sequence[Pair]) -> list[tuple[Pair, ...]]:
    found: list[list[Pair]] = []
    for pair in pairs:
        if not found or len(found[-1]) == SECTIONS or found[-1][0].group != pair.group:
            found.append([])
        found[-1].append(pair)
    return [tuple(each) for each in found]


def _other_number(text: str, chance: random.Random) -> str | None:
    """One digit of a number changed, in figures."""
    held = [number for number in claims(text).numbers if number.text[0].isdigit()]
    if not held:
        return None
    number = chance.choice(held)
    at = text.index(number.text, number.start)
    return f"{text[:at]}{other_digit(number.text, chance)}{text[at + len(number.text) :]}"


def _embedder() -> Meanings:
    settings = Settings()
    store = ModelStore(settings.models.folder)
    entry = store.chosen(Task.EMBED)
    return open_embedder(store.path(entry), entry)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--sample", type=int, default=500)
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--show", action="store_true", help="print what is marked and wrong, with the quotes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
