import json
from pathlib import Path

import pytest

from bench.measure import Bench, Row, compare, interleaved, quantile, significant

ROW = Row("search, p50", "ms", 6.0, 4.0, 20)


def test_a_result_holds_what_other_tools_read(tmp_path: Path) -> None:
    result = json.loads(Bench("search").finish([ROW], tmp_path).read_text())
    assert list(result) == ["name", "date", "machine", "rows"]
    assert result["name"] == "search"
    assert result["rows"] == [
        {"case": "search, p50", "unit": "ms", "ours": 6.0, "baseline": 4.0, "ratio": 1.5, "runs": 20}
    ]


def test_a_result_lies_under_the_name_of_its_bench(tmp_path: Path) -> None:
    assert Bench("disk").finish([ROW], tmp_path / "results") == tmp_path / "results" / "disk.json"


def test_a_machine_is_described_without_its_name(tmp_path: Path) -> None:
    written = Bench("search").finish([ROW], tmp_path).read_text()
    machine = json.loads(written)["machine"]
    assert set(machine) == {"cpu", "cores", "memory_gib", "python", "system", "load_average"}
    assert Path("/proc/sys/kernel/hostname").read_text().strip() not in written
    assert len(machine["load_average"]) == 2


def test_the_table_names_every_case_with_its_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Bench("search").finish([ROW], tmp_path)
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("bench search", "search, p50", "ms", "6", "4", "1.5", "20", "load average"))


def test_runs_alternate_so_that_a_busy_moment_falls_on_both() -> None:
    order: list[str] = []
    interleaved(lambda: order.append("ours"), lambda: order.append("baseline"), 3)
    assert order == ["ours", "baseline"] * 3


def test_a_row_holds_medians() -> None:
    ours, baseline = iter([1.0, 100.0, 2.0]), iter([4.0, 4.0, 90.0])
    row = compare("case", "s", lambda: next(ours), lambda: next(baseline), 3)
    assert (row.ours, row.baseline, row.ratio, row.runs) == (2.0, 4.0, 0.5, 3)


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 50), (0.95, 95), (1.0, 100)])
def test_a_quantile_is_the_value_that_so_many_do_not_exceed(share: float, value: int) -> None:
    assert quantile(range(100, 0, -1), share) == value


def test_numbers_have_four_significant_digits() -> None:
    assert [significant(value) for value in (1234.56, 0.000123456, 0.0)] == [1235.0, 0.0001235, 0.0]


def test_notes_stand_in_the_result_and_below_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Bench("search").finish([ROW], tmp_path, ["the baseline has no seals"])
    assert json.loads(path.read_text())["notes"] == ["the baseline has no seals"]
    assert capsys.readouterr().out.endswith("the baseline has no seals\n")
