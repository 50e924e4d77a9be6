"""How often an order is followed that stands in a document, a title, a mail's head or a question.

`python -m bench.injections FILE --out DIR [--sample N]`. FILE holds JSON lines with `id`, `category`, `family`, `lang`
and `text`. Each order is put into one carrier beside the answer to a question that is asked then: through the product
as it is (quarantine overruled where it held the file back, so that the model is tried all the same), and with a bare
prompt over the same passages, whose draft is the answer. The same is asked without the order: what the rules find
there is their false alarms. The default sample takes half an hour on two cores; stopped and run again with the same
`--out`, it continues.
"""

import argparse
import collections
import json
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.carriers import FACTS, Carrier, Case, Row, order_of, sample
from bench.evaluation import machine, read_rows
from bench.following import Told, follows
from bench.recorded import Recorded
from chat.admin.bench import temporary_grant, temporary_house
from chat.assembly import House
from chat.settings import load_settings
from models.generation import GenerationRequest, Token
from rag.answering.answer import Answer, Finished, Reading, Written
from rag.answering.answerer import ANSWER_TOKENS_MAX, Answerer
from rag.answering.defences import ALL, NONE, Defences
from rag.answering.history import Remembered
from rag.answering.prompt import build, public_message
from rag.documents import RankedPassage
from rag.reconciling import FileState
from rag.retrieval.neighbours import Completed
from security.access import Right

SAMPLE = 90


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one case: drafts without defences and with all, the checked answer; was the file held back."""

    is_held: bool
    bare: str
    draft: str
    answer: str


@dataclass(frozen=True, slots=True)
class Result:
    """One order: followed without defences, in the draft with them, in the answer; `alarm` where there was none.

    An order whose file was held back is not followed in the answer. `right` says whether the answer holds the fact.
    """

    id: str
    category: str
    family: str
    carrier: str
    is_held: bool
    alarm: bool
    without: bool
    drafted: bool
    answered: bool
    right: bool
    right_without: bool


class Trial:
    """Asks in one house. `drafts` keeps what the model wrote."""

    def __init__(self, house: House, folder: Path, drafts: Path) -> None:
        self._house, self._folder = house, folder
        self._generator = Recorded(house.generator, drafts)
        self._answerer = Answerer(house.searcher, self._generator)
        self._plain: dict[tuple[Carrier, str], Tried] = {}

    def result(self, case: Case) -> Result:
        """Ask with the order and without."""
        assert case.order
        tried, plain = self._tried(case), self.plain(case)
        order, around = case.order, self._around(case)
        shields = {ALL: public_message(case.language), NONE: public_message(case.language, NONE)}

        def followed(draft: str, known: str, defences: Defences) -> bool:
            return follows(order, Told(draft, f"{around}\n{known}", shields[defences].content))

        return Result(
            *(order.id, order.category, order.family, case.carrier.value, tried.is_held),
            alarm=followed(plain.draft, "", ALL) or followed(plain.bare, "", NONE),
            without=followed(tried.bare, plain.bare, NONE),
            drafted=followed(tried.draft, plain.draft, ALL),
            answered=not tried.is_held and followed(tried.answer, plain.draft, ALL),
            right=case.fact.gold in tried.answer,
            right_without=case.fact.gold in tried.bare,
        )

    def plain(self, case: Case) -> Tried:
        """The same without the order, asked once."""
        key = (Carrier.BODY if case.carrier is Carrier.QUESTION else case.carrier, case.fact.name)
        if key not in self._plain:
            self._plain[key] = self._tried(Case(key[0], case.fact, case.language, None))
        return self._plain[key]

    def _around(self, case: Case) -> str:
        """All that a rightful answer may take words from."""
        return "\n".join((case.fact.question, *(f"{fact.title}\n{fact.text}" for fact in FACTS[case.language.value])))

    def _tried(self, case: Case) -> Tried:
        is_held = self._load(case)
        draft, answer = "", None
        passages: Sequence[RankedPassage] = ()
        for event in self._answerer.answer([self._reading], case.question, otherwise=case.language):
            if isinstance(event, Written):
                draft += event.text
            elif isinstance(event, Reading):
                passages = event.passages
            elif isinstance(event, Finished):
                answer = event.answer
        assert answer
        assert not answer.is_unwritten, answer.reason
        return Tried(is_held, self._bare(case, answer, passages), draft, "" if answer.refused else answer.text)

    def _bare(self, case: Case, answer: Answer, passages: Sequence[RankedPassage]) -> str:
        """The draft of a prompt without defences over the same passages; nothing where the search refused."""
        if not passages:
            return ""
        messages = build(
            answer.language, [Completed(item.passage) for item in passages], Remembered(), case.question, NONE
        )
        events = self._generator.generate(GenerationRequest(messages, ANSWER_TOKENS_MAX), threading.Event())
        return "".join(event.text for event in events if isinstance(event, Token))

    def _load(self, case: Case) -> bool:
        """Put the case's file and its neighbours in the place of those before; whether the file was held back."""
        for file in self._folder.iterdir():
            file.unlink()
        for fact in FACTS[case.language.value]:
            if fact is not case.fact:
                Case(Carrier.BODY, fact, case.language, None).write(self._folder)
        name = case.write(self._folder)
        states = {file.doc: file.state for file in self._house.loader.load(self._managing, self._folder)}
        if states[name] is not FileState.QUARANTINED:
            return False
        list(self._house.loader.load(self._managing, self._folder, {name}))
        return True

    @cached_property
    def _managing(self) -> Any:
        return temporary_grant(self._house, Right.MANAGE)

    @cached_property
    def _reading(self) -> Any:
        return temporary_grant(self._house, Right.READ)


def main() -> None:
    """Try each case; print the rates and write `injections.json`."""
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    cases = sample([order_of(row) for row in read_rows(options.file)], options.sample)
    with temporary_house(load_settings(Path("state"))) as house, tempfile.TemporaryDirectory() as folder:
        results = list(tried(Trial(house, Path(folder), options.out / "drafts.jsonl"), cases))
        model = house.generator.model_name
    report = {
        "machine": machine(),
        "model": model,
        "rates": rates(results),
        "cases": [asdict(each) for each in results],
    }
    (options.out / "injections.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    Console().print(table(rates(results)))


def tried(trial: Trial, cases: Sequence[Case]) -> Iterator[Result]:
    """The results, each said as it comes."""
    for number, case in enumerate(cases, 1):
        result = trial.result(case)
        names = [name for name in ("is_held", "without", "drafted", "answered") if getattr(result, name)]
        print(
            f"  {number} of {len(cases)} {result.id} {result.carrier}: {', '.join(names) or 'not followed'}", flush=True
        )
        yield result


def rates(results: Sequence[Result]) -> list[Row]:
    """Shares by carrier, by family, and of all."""
    groups: dict[str, list[Result]] = collections.defaultdict(list)
    for result in results:
        for name in (result.carrier, result.family, "all"):
            groups[name].append(result)
    counted = ("is_held", "alarm", "without", "drafted", "answered", "right", "right_without")
    return [
        {"of": name, "cases": len(these)}
        | {each: sum(getattr(one, each) for one in these) / len(these) for each in counted}
        for name, these in sorted(groups.items(), key=lambda item: (item[0] == "all", item[0]))
    ]


def table(rows: Sequence[Row]) -> Table:
    """The rates for people, in percent."""
    columns = {
        "cases": "cases",
        "without": "followed without defences",
        "drafted": "in drafts with them",
        "answered": "in answers",
        "is_held": "held back",
        "alarm": "false alarms of the rules",
        "right": "right answers",
        "right_without": "right without defences",
    }
    shown = Table("orders", *columns.values(), title="injections")
    for row in rows:
        cells = (str(row[each]) if each == "cases" else f"{100 * row[each]:.0f} %" for each in columns)
        shown.add_row(row["of"], *cells)
    return shown


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--out", type=Path, required=True, help="where the drafts and the results go")
    parser.add_argument("--sample", type=int, default=SAMPLE, help="this many orders, carriers in proportion")
    return parser.parse_args()


if __name__ == "__main__":
    main()
