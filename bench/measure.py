"""What every bench shares: interleaved runs, medians, a table for people, JSON for machines."""

import argparse
import json
import math
import os
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
PAPER_COLUMNS = 140
_DIGITS = 4
_KIB_A_GIB = 1024**2
Measured = TypeVar("Measured")


@dataclass(frozen=True, slots=True)
class Row:
    """One thing measured. `ours` and `baseline` are medians over `runs`, in `unit`."""

    case: str
    unit: str
    ours: float
    baseline: float
    runs: int

    @property
    def ratio(self) -> float:
        """Ours to the baseline: for times and bytes less is better, for rates more."""
        return self.ours / self.baseline


@dataclass(frozen=True, slots=True)
class Machine:
    """What ran it, without names or paths. `load_average` over a minute, before and after."""

    cpu: str
    cores: int
    memory_gib: float
    python: str
    system: str
    load_average: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Bench:
    """A bench under way: remembers when and under which load it began."""

    name: str
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])

    def finish(self, rows: Iterable[Row], folder: Path = RESULTS, notes: Sequence[str] = ()) -> Path:
        """Print the table and write `<folder>/<name>.json`; gives its path. `notes` say what figures cannot."""
        listed = tuple(rows)
        machine = _machine(self.load_before)
        Console(width=None if Console().is_terminal else PAPER_COLUMNS).print(table(self.name, machine, listed))
        for note in notes:
            print(note)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps(self._json(machine, listed, notes), indent=1, ensure_ascii=False) + "\n")
        return path

    def _json(self, machine: Machine, rows: Iterable[Row], notes: Sequence[str]) -> dict[str, Any]:
        date = self.started_at.isoformat(timespec="seconds")
        whole = {"name": self.name, "date": date, "machine": asdict(machine), "rows": [_row(row) for row in rows]}
        return whole | ({"notes": list(notes)} if notes else {})


def options_of(name: str, about: str | None, runs: int | None = None) -> argparse.ArgumentParser:
    """The options that every bench takes; `about` is its module's docstring."""
    parser = argparse.ArgumentParser(f"python -m bench.{name}", description=about)
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder that gets the JSON")
    if runs is not None:
        parser.add_argument("--runs", type=int, default=runs, help="of each, in turns")
    return parser


def interleaved(
    ours: Callable[[], Measured], baseline: Callable[[], Measured], runs: int
) -> tuple[tuple[Measured, ...], tuple[Measured, ...]]:
    """What each gives, run in turns, so that a busy moment of the machine falls on both."""
    pairs = [(ours(), baseline()) for _ in range(runs)]
    return tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)


def compare(case: str, unit: str, ours: Callable[[], float], baseline: Callable[[], float], runs: int) -> Row:
    """A row of medians over interleaved runs."""
    mine, theirs = interleaved(ours, baseline, runs)
    return Row(case, unit, statistics.median(mine), statistics.median(theirs), runs)


def quantile(values: Iterable[float], share: float) -> float:
    """The value that `share` of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def table(name: str, machine: Machine, rows: Iterable[Row]) -> Table:
    """The rows for people."""
    before, after = machine.load_average
    caption = (
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib} GiB; load average {before} before, {after} after"
    )
    shown = Table("case", "unit", "ours", "baseline", "ratio", "runs", title=f"bench {name}", caption=caption)
    for row in rows:
        numbers = (f"{significant(value):g}" for value in (row.ours, row.baseline, row.ratio))
        shown.add_row(row.case, row.unit, *numbers, str(row.runs))
    return shown


def significant(value: float) -> float:
    """Four significant digits: more would claim a precision that no run has."""
    return float(f"{value:.{_DIGITS}g}")


def _row(row: Row) -> dict[str, Any]:
    numbers = {name: significant(getattr(row, name)) for name in ("ours", "baseline", "ratio")}
    return {"case": row.case, "unit": row.unit, **numbers, "runs": row.runs}


def _machine(load_before: float) -> Machine:
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(_memory_kib() / _KIB_A_GIB, 1),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        load_average=(round(load_before, 2), round(os.getloadavg()[0], 2)),
    )


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _memory_kib() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemTotal:"))
