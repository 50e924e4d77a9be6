"""Cores are counted as a computation feels them."""

import os
from pathlib import Path

import pytest

from models.processors import physical_cores


@pytest.fixture
def cpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four processors on two cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    for number, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
        topology = tmp_path / f"cpu{number}" / "topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(f"{siblings}\n")
    return tmp_path


def test_hyperthreads_count_once(cpus: Path, tmp_path: Path) -> None:
    assert physical_cores(cpus, tmp_path / "none") == 2


def test_processors_count_where_the_system_does_not_say_more(cpus: Path, tmp_path: Path) -> None:
    assert physical_cores(tmp_path / "none", tmp_path / "none") == 4


@pytest.mark.parametrize(("quota", "cores"), [("100000 100000", 1), ("150000 100000", 2), ("max 100000", 2), ("", 2)])
def test_the_quota_of_a_container_bounds_them(quota: str, cores: int, cpus: Path, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    assert physical_cores(cpus, tmp_path) == cores


def test_this_machine_has_at_least_one() -> None:
    assert 1 <= physical_cores() <= (os.cpu_count() or 1)
