"""The sample that measures the check is built by rule, the same each time, and changes what it says it changes."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from bench.support import SHARES, Case, main, sample, supported
from rag.answering.answer import Language
from rag.answering.prompt import public_message

PASSAGES = (
    "You can carry over 240 hours to Boston on 12 March 2020. Travel to Paris is paid within 30 days.",
    "The river Loire is 1,012 kilometres long. It has flowed past Orléans since 3 May 1429.",
)
DRAFTS = ("You can carry over 240 hours to Boston on 12 March 2020.", "It has flowed past Orléans since 3 May 1429.")


def rows() -> list[dict[str, object]]:
    system = public_message(Language.ENGLISH).content
    return [
        {
            "messages": [
                ["system", system],
                ["user", f"<passage>\nTitle\n{text}\n</passage>\n\nQuestion: What is so?"],
            ],
            "draft": draft,
        }
        for text, draft in zip(PASSAGES, DRAFTS, strict=True)
    ]


def drawn() -> list[Case]:
    return sample(list(supported(rows())), random.Random(1))


def test_the_sample_is_the_same_each_time_and_of_every_kind() -> None:
    assert drawn() == drawn()
    assert set(Counter(case.kind for case in drawn())) == set(SHARES)


def test_what_is_changed_differs_and_what_is_not_stays() -> None:
    for case in drawn():
        is_changed = case.text not in DRAFTS
        assert is_changed is (case.kind not in ("real", "mismatched"))
    assert all(len(case.passages) == 1 for case in drawn() if case.kind == "mismatched")


def test_the_check_tells_them_apart() -> None:
    assert {case.is_marked for case in drawn() if case.kind == "real"} == {True}
    assert not any(case.is_marked for case in drawn() if case.kind != "real")


def test_the_figures_are_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    records = tmp_path / "records"
    records.write_text("".join(json.dumps(row) + "\n" for row in rows()))
    monkeypatch.setattr("sys.argv", ["support", str(records), "--show"])
    main()
    printed = capsys.readouterr().out
    assert "marked as supported 0 (0.0%)" in printed
    assert DRAFTS[0] in printed


def test_the_name_of_a_file_is_not_changed() -> None:
    row = rows()[0]
    row["draft"] = "In report-6ea63.md: You can carry over 240 hours to Boston."
    changed = [case.text for case in sample(list(supported([row])), random.Random(2)) if case.kind == "number"]
    assert changed
    assert all("report-6ea63.md" in text for text in changed)
