"""How many sentences are marked as supported that are not, in a sample built by rule from recorded answers.

`python -m bench.support RECORDS [--seed N] [--show]`: RECORDS as bench.replay keeps them. Of the sentences that
are marked as supported some are taken as written, some are checked against the passage of another question that
shares most words with them, and some have a number, a date, a name or the polarity changed. Of the changed and the
mismatched, what is still marked is wrong; those taken as written are printed with their quotes by `--show`, to judge.
"""

import argparse
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag.answering.alignment import Alignment
from rag.answering.answer import Language, Support
from rag.answering.checking import check, plain
from rag.answering.claims import without_files
from rag.answering.dates import dates
from rag.answering.names import names
from rag.answering.numbers import numbers
from rag.answering.prompt import public_message
from rag.documents import Chunk, DocumentId, DocumentInfo, Passage, PassageId, RankedPassage
from rag.retrieval.words import content_words
from security.identity import CollectionId

SHARES = {"real": 40, "mismatched": 60, "number": 40, "date": 20, "name": 20, "negation": 20}
_PASSAGE = re.compile(r"<passage>\n(?P<title>.*)\n(?P<text>(?:.|\n)*?)\n</passage>")
_QUESTION = "\n\nQuestion: "
_AFFIRMED = (
    (r"\b(can|may|must|should|will|is|are|was|were|has|have)\b", r"\1 not"),
    (r"\b(peut|peuvent|doit|doivent|sont|sera|seront|permet|permettent)\b", r"ne \1 pas"),
    (r"\best\b", "n'est pas"),
    (r"\bont\b", "n'ont pas"),
)


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence, the question and passages that it is checked with, and what was done to it."""

    kind: str
    text: str
    question: str
    language: Language
    passages: tuple[RankedPassage, ...]

    @property
    def support(self) -> Support:
        """What the check says of it."""
        return Alignment(self.passages, self.question, self.language).check(self.text)

    @property
    def is_marked(self) -> bool:
        """Whether it is shown as supported."""
        found = self.support
        return bool(found.citations) and not found.why


def main() -> None:
    """Print, for each kind, how many there are and how many are marked as supported."""
    options = _options()
    rows = [json.loads(line) for line in options.records.read_text().splitlines()]
    sampled = sample(list(supported(rows)), random.Random(options.seed))
    for kind in SHARES:
        cases = [case for case in sampled if case.kind == kind]
        marked = [case for case in cases if case.is_marked]
        print(f"{kind:<12}{len(cases):>5} of which marked as supported {len(marked):>4}")
        for case in marked if options.show else ():
            print(f"    {case.text}\n      « {' » « '.join(cite.quote for cite in case.support.citations)} »")
    altered = [case for case in sampled if case.kind != "real"]
    wrong = sum(case.is_marked for case in altered)
    print(f"{'changed or mismatched':<24}{len(altered)}, marked as supported {wrong} ({wrong / len(altered):.1%})")
    print(f"{'of the whole sample':<24}{len(sampled)}, {wrong / len(sampled):.1%} without those taken as written")


def sample(cases: Sequence[Case], chance: random.Random) -> list[Case]:
    """Cases of each kind in the shares above, as far as there are sentences that can be changed so."""
    passages = list({item.passage.chunk.text: item for case in cases for item in case.passages}.values())
    others = [name.text for case in cases for name in names(case.text) if not name.is_first]
    change: dict[str, Callable[[Case], Case | None]] = {
        "real": lambda case: case,
        "mismatched": lambda case: _mismatched(case, passages),
        "number": lambda case: _other_number(case, chance),
        "date": lambda case: _other_date(case, chance),
        "name": lambda case: _other_name(case, others, chance),
        "negation": _denied,
    }
    found: list[Case] = []
    for kind, size in SHARES.items():
        drawn = chance.sample(list(cases), len(cases))
        changed = (replace(other, kind=kind) for case in drawn if (other := change[kind](case)))
        found += [case for case, _ in zip(changed, range(size), strict=False)]
    return found


def supported(rows: Sequence[dict[str, Any]]) -> Iterator[Case]:
    """Every sentence of the answers that is marked as supported."""
    french = public_message(Language.FRENCH).content
    for row in rows:
        quoted, _, question = row["messages"][-1][1].rpartition(_QUESTION)
        passages = tuple(passage(match["title"], match["text"]) for match in _PASSAGE.finditer(quoted))
        language = Language.FRENCH if row["messages"][0][1] == french else Language.ENGLISH
        for aligned in check(plain(row["draft"]), Alignment(passages, question, language)):
            case = Case("real", aligned.text, question, language, passages)
            if case.is_marked:
                yield case


def passage(title: str, text: str) -> RankedPassage:
    """A passage of that text, of a document of that title."""
    document, _, heading = title.partition(" > ")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    info = DocumentInfo(
        DocumentId(document), CollectionId("records"), document, document, "text/plain", None, 1, 1, None, now
    )
    chunk = Chunk(0, text, None, (heading,) if heading else (), 0, len(text))
    return RankedPassage(Passage(PassageId(f"{document} {hash(text)}"), info, chunk), 1.0)


def _mismatched(case: Case, passages: Sequence[RankedPassage]) -> Case | None:
    """The sentence with the passage of another question that shares most words with it and does not hold its quote."""
    quotes = [cite.quote for cite in case.support.citations]
    own = {item.passage.chunk.text for item in case.passages}
    words = frozenset(content_words(case.text, case.language))
    rivals = [
        item
        for item in passages
        if item.passage.chunk.text not in own and not any(quote in item.passage.chunk.text for quote in quotes)
    ]
    shared = {
        item.passage.id: len(words & frozenset(content_words(item.passage.chunk.text, case.language)))
        for item in rivals
    }
    best = max(rivals, key=lambda item: shared[item.passage.id], default=None)
    return replace(case, passages=(best,)) if best else None


def _other_number(case: Case, chance: random.Random) -> Case | None:
    """One number changed: every other time to another that the passage cited holds."""
    said = dates(case.text)
    held = [
        number
        for number in numbers(without_files(case.text))
        if number.text[0].isdigit() and not any(date.start <= number.start < date.end for date in said)
    ]
    if not held:
        return None
    number = chance.choice(held)
    around = numbers(case.support.citations[0].passage.chunk.text)
    rivals = [other.text for other in around if other.value != number.value and other.text[0].isdigit()]
    new = chance.choice(rivals) if rivals and chance.random() < 0.5 else other_digit(number.text, chance)
    at = case.text.index(number.text, number.start)
    return replace(case, text=f"{case.text[:at]}{new}{case.text[at + len(number.text) :]}")


def other_digit(written: str, chance: random.Random) -> str:
    """The number with one of its digits changed."""
    place = chance.choice([at for at, letter in enumerate(written) if letter.isdigit()])
    digit = chance.choice([digit for digit in "123456789" if digit != written[place]])
    return f"{written[:place]}{digit}{written[place + 1 :]}"


def _other_date(case: Case, chance: random.Random) -> Case | None:
    """A digit of a date changed; of a year alone where there is no date."""
    years = re.finditer(r"\b(?:19|20)\d\d\b", case.text)
    spans = [(date.start, date.end) for date in dates(case.text) if re.search(r"\d", date.text)]
    spans = spans or [match.span() for match in years]
    if not spans:
        return None
    start, end = chance.choice(spans)
    return replace(case, text=f"{case.text[:start]}{other_digit(case.text[start:end], chance)}{case.text[end:]}")


def _other_name(case: Case, others: Sequence[str], chance: random.Random) -> Case | None:
    """A word of a name exchanged for one of another answer."""
    held = [name.text for name in names(case.text) if not name.is_first]
    rivals = [other for other in others if other not in held]
    if not held or not rivals:
        return None
    return replace(case, text=case.text.replace(chance.choice(held), chance.choice(rivals)))


def _denied(case: Case) -> Case | None:
    text = denied(case.text)
    return replace(case, text=text) if text else None


def denied(text: str) -> str | None:
    """The sentence denied, or no longer denied; None where no rule does it."""
    affirmed = re.sub(r"\bne (\w+) pas\b|\bn'(\w+) pas\b|\b(\w+) not\b", r"\1\2\3", text, count=1)
    if affirmed != text:
        return affirmed
    if re.search(r"\b(?:ne|no|not|without|sans)\b|\bn['’]", text):
        return None
    for pattern, by in _AFFIRMED:
        if re.search(pattern, text):
            return re.sub(pattern, by, text, count=1)
    return None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", type=Path)
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--show", action="store_true", help="print the sentences that are marked, with their quotes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
