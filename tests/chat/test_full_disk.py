"""A disk that is full, or read-only, ends in a sentence that says what to do, and loses nothing that was told."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from chat.admin.registry import OPERATIONS
from chat.assembly import House
from chat.opening import initialise, open_house
from chat.settings import Settings
from rag.errors import StoreFull
from security.access import Right
from security.identity import OPERATOR
from tests.rag.conftest import WordEmbedder

FILES = 40
KIB_A_FILE = 60
WAIT_SECONDS = 30
SMALL, ROOMY = "3m", "60m"


class Disk:
    """A file system of its own, in memory, of a size that can change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "disk", path], capture_output=True, check=False
        )
        if mounted.returncode:
            pytest.skip("this system does not let us mount")

    def change(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", self.path], check=True)

    def close(self) -> None:
        subprocess.run(["umount", "-l", self.path], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path / "disk")
    yield disk
    disk.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    for number in range(FILES):
        lines = (f"orchard{number} row {line} holds apples and pears.\n\n" for line in range(KIB_A_FILE * 1024 // 45))
        (folder / f"{number:02}.txt").write_text("".join(lines))
    return folder


def opened(state: Path, closing: ExitStack) -> House:
    house = closing.enter_context(open_house(state, Settings()))
    house.__dict__["embedder"] = WordEmbedder()
    return house


def run(house: House, operation: str, /, **arguments: Any) -> list[dict[str, Any]]:
    return list(OPERATIONS[operation](house, **arguments))


def load(house: House, folder: Path, told: set[str]) -> None:
    for event in OPERATIONS["collection.load"](house, name="archive", path=str(folder)):
        told.add(event["doc"])


def fill_up(disk: Disk) -> None:
    """Leave no room for a snapshot either."""
    with suppress(OSError), (disk.path / "rest").open("wb", buffering=0) as rest:
        while True:
            rest.write(bytes(4096))


def wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not until():
        assert time.monotonic() < end
        time.sleep(0.05)


def found(house: House) -> set[str]:
    """Documents that the index finds by their own words, of those that the truth holds."""
    record = house.collections.find("archive")
    assert record
    grant = house.policy.grant(OPERATOR, record.id, Right.READ)
    held = {info.path: info.id for info in house.documents.documents(grant)}
    for path, identifier in held.items():
        assert b"".join(house.documents.original(grant, identifier)).startswith(b"orchard")
        names = house.index.search_lexical(grant, f"orchard{int(path[:2])}", 3)
        passages = house.documents.passages(grant, list(names))  # type: ignore[arg-type]
        assert {passage.document.path for passage in passages} == {path}
    return set(held)


@pytest.mark.usefixtures("process_as_it_was")
def test_a_full_disk_keeps_what_was_told_and_a_load_goes_on_when_there_is_room(disk: Disk, folder: Path) -> None:
    state, told = disk.path / "state", set[str]()
    with ExitStack() as closing:
        initialise(state, Settings())
        house = opened(state, closing)
        run(house, "collection.create", name="archive")
        with pytest.raises(StoreFull, match="free space and load again"):
            load(house, folder, told)
        assert 0 < len(told) < FILES
        assert found(house) == told
        fill_up(disk)
        assert house.upkeep is not None
        wait(lambda: bool(house.upkeep and house.upkeep.failed))
        (finding,) = [row for row in run(house, "doctor") if row["subject"].startswith("index of")]
        assert not finding["is_fine"]
        assert "free the disk" in finding["remedy"]
    with ExitStack() as closing:
        house = opened(state, closing)
        assert found(house) == told
        disk.change(f"size={ROOMY}")
        assert [row for row in run(house, "doctor") if row["subject"].startswith("index of")] == []
        states = [event["state"] for event in run(house, "collection.load", name="archive", path=str(folder))]
        assert states.count("indexed") == FILES - len(told)
        assert len(found(house)) == FILES
    with ExitStack() as closing:
        assert len(found(opened(state, closing))) == FILES


@pytest.mark.usefixtures("process_as_it_was")
def test_a_read_only_disk_is_named_and_everything_is_there_when_it_is_written_again(disk: Disk, folder: Path) -> None:
    disk.change(f"size={ROOMY}")
    state = disk.path / "state"
    for path in sorted(folder.iterdir())[3:]:
        path.unlink()
    with ExitStack() as closing:
        initialise(state, Settings())
        house = opened(state, closing)
        run(house, "collection.create", name="archive")
        run(house, "collection.load", name="archive", path=str(folder))
        before = found(house)
    disk.change("ro")
    command = [
        sys.executable,
        "-c",
        "from chat.admin.cli import main; main()",
        "collection",
        "list",
        "--state",
        str(state),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "Read-only file system; check the path, its rights and the disk" in ended.stderr
    disk.change("rw")
    with ExitStack() as closing:
        assert found(opened(state, closing)) == before
