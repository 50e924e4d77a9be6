"""Answers, citations, refusals and retrieval over a folder of documents and questions, as its own score.py counts.

`python -m bench.evaluation DIR --out build/eval [--sample N]`. DIR holds `docs/`, `questions.jsonl`, `score.py` and
`retrieval/{en,fr}`; where it holds `attacks/pii.jsonl`, the detector of personal identifiers is measured on it.
Everything goes through the commands a person would type, so what is measured is what is shipped. The figures go into
docs/evaluation.md, too.
Stopped anywhere and run again with the same `--out`, it continues.
"""

import argparse
import collections
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bench import personal
from bench.report import PAGE, block, put

COLLECTION = "evaluation"
SEED = 3
LOOK_SECONDS = 20
Row = dict[str, Any]


def main() -> None:
    """Load, ask, score; print everything and write `evaluation.json`."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped; run again to continue"))
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    home = House(out / "state", out / "commands.log")
    report: Row = {"date": datetime.now(UTC).isoformat(timespec="minutes"), "machine": machine(), "sample": None}
    marked = options.folder / "attacks" / "pii.jsonl"
    if marked.exists():
        measured = identifiers(marked)
        report["personal_data"] = measured.rows
        _note(options, "identifiers", f"{_when(report)}\n\n{block(personal.table(measured))}")
    if not options.no_answers:
        report["load"] = load(home, options.folder / "docs", out)
        questions = sample(read_rows(options.folder / "questions.jsonl"), options.sample)
        report["sample"] = len(questions)
        report["answers"] = answers(home, options.folder / "score.py", questions, out)
        predictions = read_rows(out / "predictions.jsonl")
        report["reasons"] = reasons(questions, predictions)
        _note(options, "answers", f"{_when(report)}\n\n{block((out / 'qa.txt').read_text())}")
        _note(options, "reasons", block(reasons_table(report["reasons"])))
        if options.also:
            other = House(out / "state", out / "commands.log", models={"generate": options.also})
            (out / options.also).mkdir(exist_ok=True)
            report["also"] = answers(other, options.folder / "score.py", questions, out / options.also)
            table = block((out / options.also / "qa.txt").read_text())
            _note(options, "also", f"{options.also}, {_when(report)}\n\n{table}")
    if not options.no_retrieval:
        sets = _sets(options.folder)
        report["retrieval"] = {
            folder.name: retrieval(home, options.folder / "score.py", folder, out) for folder in sets
        }
        tables = [f"{folder.name}\n{(out / f'ir-{folder.name}.txt').read_text()}" for folder in sets]
        _note(options, "retrieval", f"{_when(report)}\n\n{block(chr(10).join(tables))}")
        report["ablation"] = {folder.name: ablation(home, folder, out) for folder in sets}
        tables = [ablation_table(name, rows) for name, rows in report["ablation"].items()]
        _note(options, "ablation", f"{_when(report)}\n\n{block(chr(10).join(tables))}")
    (out / "evaluation.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    print(f"\nwritten: {out / 'evaluation.json'}")
    if not options.keep:
        shutil.rmtree(home.state, ignore_errors=True)


class House:
    """The command line over a state folder of the evaluation's own."""

    def __init__(self, state: Path, log: Path, models: Mapping[str, str] = MappingProxyType({})) -> None:
        self.state, self._log = state, log
        chosen = {f"HUISCLOS__MODELS__{name.upper()}": value for name, value in models.items()}
        self._environment = {**os.environ, **chosen, "HUISCLOS_STATE": str(state), "COLUMNS": "120"}

    def run(self, *arguments: str, out: Path | None = None, look: Callable[[], None] | None = None) -> None:
        """Run a command to its end, calling `look` now and then; ends the evaluation when it fails."""
        command = [sys.executable, "-c", "from chat.admin.cli import main; main()", *arguments]
        with self._log.open("a") as log, (out or Path(os.devnull)).open("w") as target:
            process = subprocess.Popen(command, env=self._environment, stdout=target, stderr=log)
            try:
                while process.poll() is None:
                    _wait(process)
                    if look:
                        look()
            finally:
                process.terminate()
                process.wait()
        if process.returncode:
            tail = self._log.read_text()[-2000:]
            sys.exit(f"huisclos {' '.join(arguments)} ended with {process.returncode}:\n{tail}\nrun again to continue")


def identifiers(path: Path) -> personal.Report:
    """Precision and recall of the detector by kind, on texts in which identifiers are marked."""
    step(f"personal identifiers in {path.name}")
    measured = personal.measure(path)
    print(personal.table(measured))
    return measured


def load(home: House, documents: Path, out: Path) -> Row:
    """Load the documents into a sealed collection; says which could not be read, and of which format."""
    step(f"loading {documents}")
    outcomes = out / "load.jsonl"
    total = sum(path.is_file() for path in documents.rglob("*"))
    home.run("init")
    if not (home.state / "created").exists():
        home.run("collection", "create", COLLECTION)
        (home.state / "created").touch()
    home.run("collection", "load", COLLECTION, str(documents), "--json", out=outcomes, look=Progress(outcomes, total))
    rows = [row for row in read_rows(outcomes) if "doc" in row]
    counts = collections.Counter(row["state"] for row in rows)
    unread = collections.Counter(
        Path(row["doc"]).suffix for row in rows if row["state"] not in ("indexed", "unchanged")
    )
    passages = sum(row["passages"] for row in rows)
    print(f"{len(rows)} files: {_counts(counts)}; {passages} passages; not read: {_counts(unread) or 'none'}")
    return {"files": dict(counts), "passages": passages, "not_read": dict(unread)}


def answers(home: House, score: Path, questions: Sequence[Row], out: Path) -> Row:
    """Answer the questions as a batch and score them."""
    step(f"answering {len(questions)} questions")
    asked, predictions = out / "questions.jsonl", out / "predictions.jsonl"
    asked.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in questions))
    look = Progress(predictions, len(questions))
    home.run("ask", "--collection", COLLECTION, "--batch", str(asked), "--out", str(predictions), look=look)
    return scored(score, out / "qa.json", "qa", str(asked), str(predictions))


def retrieval(home: House, score: Path, folder: Path, out: Path) -> Row:
    """Rank a BEIR folder and score the run; a finished run is kept."""
    step(f"retrieval {folder.name}")
    run = out / f"retrieval-{folder.name}.trec"
    if not run.exists():
        home.run("bench", "retrieval", "--beir", str(folder), "--run", str(run))
    queries = str(folder / "queries.jsonl")
    name = out / f"ir-{folder.name}.json"
    return scored(score, name, "ir", str(folder / "qrels.tsv"), str(run), "--queries", queries)


def ablation(home: House, folder: Path, out: Path) -> list[Row]:
    """What each stage is worth on a BEIR folder, a row a variant; a finished run is kept."""
    step(f"stage by stage {folder.name}")
    rows = out / f"ablation-{folder.name}.jsonl"
    if not rows.exists():
        home.run("bench", "retrieval", "--beir", str(folder), "--ablate", "--json", out=rows.with_suffix(".part"))
        rows.with_suffix(".part").rename(rows)
    return [row for row in read_rows(rows) if "ndcg10" in row]


def ablation_table(name: str, rows: Sequence[Row]) -> str:
    """The rows in lines."""
    columns = ("ndcg10", "recall1", "recall10", "median_ms", "delta")
    lines = [f"{name:18}" + "".join(f"{column:>10}" for column in columns)]
    lines += [f"{row['stages']:18}" + "".join(f"{row[column]:>10}" for column in columns) for row in rows]
    return "\n".join(lines) + "\n"


def scored(score: Path, into: Path, *arguments: str) -> Row:
    """What score.py prints, shown and kept beside what it computes."""
    command = [sys.executable, str(score), *arguments, "--json", str(into)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(printed, end="")
    into.with_suffix(".txt").write_text(printed)
    result: Row = json.loads(into.read_text())
    return result


def reasons(questions: Sequence[Row], predictions: Sequence[Row]) -> Row:
    """How many questions end in each reason of a refusal, or in an answer, by whether the documents answer them."""
    answerable = {row["id"]: row["answerable"] for row in questions}
    groups: dict[str, collections.Counter[str]] = {
        "answerable": collections.Counter(),
        "unanswerable": collections.Counter(),
    }
    for row in predictions:
        if row["id"] in answerable:
            groups["answerable" if answerable[row["id"]] else "unanswerable"][row["reason"] or "answered"] += 1
    return {name: dict(counts) for name, counts in groups.items()}


def reasons_table(groups: Row) -> str:
    """The counts in lines."""
    names = sorted({name for counts in groups.values() for name in counts})
    lines = [f"{'':20}" + "".join(f"{name:>20}" for name in names)]
    lines += [
        f"{group:20}" + "".join(f"{counts.get(name, 0):20}" for name in names) for group, counts in groups.items()
    ]
    return "\n".join(lines)


def sample(questions: Sequence[Row], size: int | None) -> list[Row]:
    """The first `size` of a fixed order in which every prefix has the languages and kinds in proportion.

    A larger sample holds the smaller one, so a run can be extended without asking twice.
    """
    groups: dict[tuple[str, str], list[Row]] = collections.defaultdict(list)
    for row in questions:
        groups[row["lang"], row["kind"]].append(row)
    placed = []
    for name, rows in sorted(groups.items()):
        random.Random(f"{SEED}/{name}").shuffle(rows)
        placed += [((rank + 0.5) / len(rows), row["id"], row) for rank, row in enumerate(rows)]
    return [row for _, _, row in sorted(placed, key=lambda item: item[:2])][:size]


def read_rows(path: Path) -> list[Row]:
    """JSON lines; a last line that is not finished is left out."""
    lines = path.read_text().split("\n")
    return [json.loads(line) for line in lines[:-1] if line.strip()]


class Progress:
    """Counts the lines of a growing file and prints how far it is and how long it will take."""

    def __init__(self, path: Path, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._total, self._clock = path, total, clock
        self._first, self._started = self._count(), clock()
        self._shown = -1

    def __call__(self) -> None:
        """Print a line when something was added since the last one."""
        done = self._count()
        if done == self._shown:
            return
        self._shown = done
        print(f"  {done} of {self._total}{self._left(done)}", flush=True)

    def _left(self, done: int) -> str:
        gained = done - self._first
        if gained <= 0 or done >= self._total:
            return ""
        minutes = (self._clock() - self._started) / gained * (self._total - done) / 60
        return f", about {minutes:.0f} min left"

    def _count(self) -> int:
        return self._path.read_bytes().count(b"\n") if self._path.exists() else 0


def machine() -> str:
    """Processor and memory in words."""
    names = [
        line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{len(names)} x {names[0] if names else platform.machine()}, {memory:.0f} GiB"


def step(text: str) -> None:
    """Say what begins."""
    print(f"\n== {text}", flush=True)


def _wait(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(LOOK_SECONDS)
    except subprocess.TimeoutExpired:
        return


def _sets(folder: Path) -> list[Path]:
    return sorted((folder / "retrieval").glob("*"))


def _when(report: Row) -> str:
    of = f"{report['sample']} questions, " if report["sample"] else ""
    return f"{report['date']}, {of}{report['machine']}:"


def _note(options: argparse.Namespace, name: str, text: str) -> None:
    """Put figures into the page; those of a sample stay out of it."""
    if options.sample is None:
        put(PAGE, name, text)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path("build/eval"), help="where results and the state go")
    parser.add_argument("--sample", type=int, help="only this many questions, languages and kinds in proportion")
    parser.add_argument("--keep", action="store_true", help="keep the sealed collection for the next run")
    parser.add_argument("--also", metavar="MODEL", help="answer the questions with this model, too")
    parser.add_argument("--no-answers", action="store_true", help="only retrieval")
    parser.add_argument("--no-retrieval", action="store_true", help="only answers")
    return parser.parse_args()


if __name__ == "__main__":
    main()
