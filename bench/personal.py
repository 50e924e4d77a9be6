"""Precision and recall of the detector of personal identifiers on texts in which somebody marked them.

`python -m bench.personal FILE`: JSON lines with `text`, `lang` and `spans`, which are lists of start, end and label.
`make eval` does the same where the folder holds `attacks/pii.jsonl`. Labels that name no kind of ours (names, streets,
dates) are left out.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag.personal.finding import find
from rag.personal.kinds import Kind, Span

LABELS = {
    "CARD": Kind.CARD,
    "CREDIT_CARD": Kind.CARD,
    "EMAIL": Kind.EMAIL,
    "EMAIL_ADDRESS": Kind.EMAIL,
    "IBAN": Kind.IBAN,
    "IBAN_CODE": Kind.IBAN,
    "NIR": Kind.NIR,
    "SSN": Kind.NIR,
    "PHONE": Kind.PHONE,
    "PHONE_NUMBER": Kind.PHONE,
    "SIREN": Kind.SIREN,
    "SIRET": Kind.SIRET,
}
"""What the set calls them. `SSN` is the French number; the American one is `US_SSN`, which we do not look for."""
COLUMNS = ("support", "found", "exact", "false_positives", "precision", "recall")


@dataclass(slots=True)
class Score:
    """One kind: how many are marked, found (a finding of that kind touches it), found to the character, made up."""

    support: int = 0
    found: int = 0
    exact: int = 0
    right: int = 0
    predicted: int = 0

    @property
    def row(self) -> dict[str, float | None]:
        """The figures by the names of the columns; a share of nothing is None."""
        wrong = self.predicted - self.right
        precision = self.right / self.predicted if self.predicted else None
        recall = self.found / self.support if self.support else None
        return dict(zip(COLUMNS, (self.support, self.found, self.exact, wrong, precision, recall), strict=True))

    def add(self, marked: Sequence[Span], findings: Sequence[Span]) -> None:
        """Take one text: what is marked in it and what was found, all of this kind."""
        self.support += len(marked)
        self.predicted += len(findings)
        self.found += sum(any(_touches(span, other) for other in findings) for span in marked)
        self.exact += sum(span in findings for span in marked)
        self.right += sum(any(_touches(span, other) for other in marked) for span in findings)


@dataclass(slots=True)
class Report:
    """Scores by language and kind, and over all."""

    texts: int = 0
    scores: dict[str, Score] = field(default_factory=dict)

    def add(self, row: dict[str, Any]) -> None:
        """Take one text."""
        self.texts += 1
        marked = [Span(start, end, LABELS[label]) for start, end, label in row["spans"] if label in LABELS]
        findings = find(row["text"])
        for kind in Kind:
            mine = [[span for span in spans if span.kind is kind] for spans in (marked, findings)]
            for name in ("all", kind.value, f"{row['lang']}/{kind.value}"):
                if any(mine):
                    self.scores.setdefault(name, Score()).add(*mine)

    @property
    def rows(self) -> dict[str, dict[str, float | None]]:
        """The table: all, then kinds, then kinds by language."""
        ordered = sorted(self.scores, key=lambda name: (name != "all", "/" in name, name))
        return {name: self.scores[name].row for name in ordered}


def measure(path: Path) -> Report:
    """Look at every text of a file."""
    report = Report()
    with path.open() as lines:
        for line in lines:
            report.add(json.loads(line))
    return report


def table(report: Report) -> str:
    """The figures as text."""
    head = f"{'kind':<12}" + "".join(f"{name:>17}" for name in COLUMNS)
    lines = [
        f"{name:<12}" + "".join(f"{_cell(value):>17}" for value in row.values()) for name, row in report.rows.items()
    ]
    return "\n".join((f"{report.texts} texts", head, *lines))


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _touches(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


if __name__ == "__main__":
    print(table(measure(Path(sys.argv[1]))))
