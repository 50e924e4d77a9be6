"""One warm process forks the readers of many files; whoever of them ends, the others and the files do not mind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from rag.confinement import Limits
from rag.errors import DocumentRejected, FileUnavailable, ReadingCancelled
from rag.parsing import readers
from rag.parsing.filetypes import MediaType
from rag.parsing.readers import Readers
from rag.parsing.sandbox import read_document, render_page
from rag.reading import give_way
from tests.rag.parsing.forked import children, ended, is_running, read_with

ROOT = Path(__file__).parents[3]
DOCUMENTS = ROOT / "tests" / "data" / "documents"
SLOWLY = "time.sleep(1.5); real(task, parent)"
CONFINED = "host.child.confine(host.child.Limits(), parent, Path.cwd()), Path('confined').touch()"
HUNG = "time.sleep(600)"
COUNTED = """
taken = host._read
def counted(task, files, parent):
    with open("open", "w") as told:
        told.write(str(len(host.os.listdir("/proc/self/fd"))))
    taken(task, files, parent)
host._read = counted
"""
THREADS_COUNTED = """
import os
fork = os.fork
def noted():
    with open("threads", "a") as told:
        told.write(str(len(os.listdir("/proc/self/task"))))
    return fork()
os.fork = noted
"""
STARTER = """
import sys, threading
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from rag.parsing import readers
from rag.parsing.sandbox import read_document
readers._START = sys.argv[1]
memory = Path(sys.argv[2])
with readers.Readers(memory) as held:
    read_document("a.txt", b"text", memory, readers=held)
    print(held._host.process.pid, flush=True)
    read_document("a.hang", b"text", memory, readers=held)
"""


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Readers]:
    with Readers(tmp_path) as made:
        yield made


def words(shared: Readers, memory: Path, text: str = "some words", **rest: Any) -> str:
    return read_document("a.txt", text.encode(), memory, readers=shared, **rest).document.blocks[0].text


def host_of(shared: Readers) -> int:
    assert shared._host is not None
    return shared._host.process.pid


def running(shared: Readers, count: int = 1) -> list[int]:
    """The readers of the host, once there are so many."""
    deadline = time.monotonic() + 20
    found: list[int] = []
    while len(found) < count and time.monotonic() < deadline:
        found = children(host_of(shared)) if shared._host else []
        time.sleep(0.02)
    return found


def test_files_have_the_host_in_common_and_nothing_else(shared: Readers, tmp_path: Path) -> None:
    assert words(shared, tmp_path, "one") == "one"
    host = host_of(shared)
    assert words(shared, tmp_path, "two") == "two"
    assert host_of(shared) == host
    assert list(tmp_path.iterdir()) == []


def test_nothing_runs_before_the_first_file_nor_after_the_last(tmp_path: Path) -> None:
    with Readers(tmp_path) as shared:
        assert shared._host is None
        words(shared, tmp_path)
        host = host_of(shared)
    assert not is_running(host)


def test_a_file_is_read_again_when_its_host_was_killed(
    shared: Readers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_with(monkeypatch, SLOWLY)
    with ThreadPoolExecutor() as threads:
        reading = threads.submit(words, shared, tmp_path)
        (reader,) = running(shared)
        host = host_of(shared)
        os.kill(host, signal.SIGKILL)
        assert ended(reader, host)
        assert reading.result() == "some words"
    assert host_of(shared) != host
    assert list(tmp_path.iterdir()) == []


def test_the_next_file_gets_a_host_when_the_last_one_was_killed(shared: Readers, tmp_path: Path) -> None:
    words(shared, tmp_path)
    os.kill(host_of(shared), signal.SIGKILL)
    assert words(shared, tmp_path) == "some words"


def test_a_host_that_does_not_start_is_no_fault_of_the_file(
    shared: Readers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_with(monkeypatch, "", before="sys.exit(1)")
    with pytest.raises(FileUnavailable, match="load again"):
        words(shared, tmp_path)


def test_a_file_that_crashes_its_reader_leaves_the_next_another_host(
    shared: Readers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_with(monkeypatch, "'crash' in task['suffix'] and os.abort(); real(task, parent)")
    assert words(shared, tmp_path) == "some words"
    host = host_of(shared)
    with pytest.raises(DocumentRejected, match="crashed its reader"):
        read_document("a.crash", b"text", tmp_path, readers=shared)
    assert ended(host)
    assert words(shared, tmp_path) == "some words"
    assert host_of(shared) != host


def test_a_crash_does_not_end_the_reader_beside_it(
    shared: Readers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_with(monkeypatch, f"'crash' in task['suffix'] and os.abort(); {SLOWLY}")
    with ThreadPoolExecutor() as threads:
        reading = threads.submit(words, shared, tmp_path)
        running(shared)
        with pytest.raises(DocumentRejected, match="crashed its reader"):
            read_document("a.crash", b"text", tmp_path, readers=shared)
        (reader,) = children(shared._left[0].process.pid)
        assert is_running(reader)
        assert reading.result() == "some words"


def test_two_files_are_read_at_once_and_each_gets_its_own_words(
    shared: Readers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_with(monkeypatch, SLOWLY)
    with ThreadPoolExecutor(2) as threads:
        reading = [threads.submit(words, shared, tmp_path, text) for text in ("one", "two")]
        assert len(running(shared, 2)) == 2
        assert [each.result() for each in reading] == ["one", "two"]


def test_two_hundred_files_leave_no_descriptor_and_no_zombie(
    shared: Readers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_with(monkeypatch, "real(task, parent)", COUNTED)

    def descriptors() -> list[int]:
        words(shared, tmp_path)
        return [len([*Path("/proc/self/fd").iterdir()]), int((tmp_path / "open").read_text())]

    before, host = descriptors(), host_of(shared)
    with ThreadPoolExecutor(2) as threads:
        texts = [f"number {number}" for number in range(200)]
        assert list(threads.map(lambda text: words(shared, tmp_path, text), texts)) == texts
    assert descriptors() == before
    assert host_of(shared) == host
    assert children(host_of(shared)) == []


def test_a_load_that_stops_ends_its_reader_and_not_its_host(
    shared: Readers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_with(monkeypatch, f"'hang' in task['suffix'] and {HUNG}; real(task, parent)")
    words(shared, tmp_path)
    stopped = threading.Event()
    with ThreadPoolExecutor() as threads:
        reading = threads.submit(read_document, "a.hang", b"text", tmp_path, cancelled=stopped, readers=shared)
        (reader,) = running(shared)
        host = host_of(shared)
        stopped.set()
        with pytest.raises(ReadingCancelled):
            reading.result()
        assert not is_running(reader)
    words(shared, tmp_path)
    assert host_of(shared) == host


@pytest.mark.parametrize("after", [HUNG, "real(task, parent)"])
def test_what_a_reader_started_ends_with_it(
    shared: Readers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    fork = "pid = os.fork(); pid or time.sleep(600); Path('../pid').write_text(str(pid))"
    read_with(monkeypatch, f"{fork}; {after}")
    with suppress(DocumentRejected):
        words(shared, tmp_path, limits=Limits(wall_seconds=1))
    assert ended(int((tmp_path / "pid").read_text()))


def test_a_reader_counts_its_own_processor_time_and_memory(
    shared: Readers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    burn = "burnt = [number * number for number in range(3_000_000)]"
    read_with(monkeypatch, "Path('../used').write_text(str(time.process_time())); real(task, parent)", burn)
    assert words(shared, tmp_path, "word " * 400_000, limits=Limits(memory_bytes=60_000_000)).startswith("word word")
    assert float((tmp_path / "used").read_text()) < 0.1


def test_the_host_and_its_readers_end_with_the_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_with(monkeypatch, f"'hang' in task['suffix'] and ({CONFINED}, {HUNG}); real(task, parent)")
    command = [sys.executable, "-c", STARTER, readers._START, str(tmp_path), str(ROOT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        host = int(starter.stdout.readline())
        while not (found := list(tmp_path.glob("read-*/confined"))):
            time.sleep(0.02)
        (reader,) = children(host)
        starter.send_signal(signal.SIGKILL)
        assert ended(host, reader)
    assert found


def test_it_has_one_thread_and_shares_no_memory_whatever_it_has_imported(
    shared: Readers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_with(
        monkeypatch,
        "Path('../maps').write_text(Path('/proc/self/maps').read_text()); real(task, parent)",
        THREADS_COUNTED,
    )
    for media_type in MediaType:
        with pytest.raises(DocumentRejected, match="this is a program"):
            read_document(f"a.{media_type.name.lower()}", b"\x7fELF", tmp_path, readers=shared)
    assert {*(tmp_path / "threads").read_text()} == {"1"}
    maps = (tmp_path / "maps").read_text()
    assert all(f"/{library}" in maps for library in ("lxml/", "pypdfium2_raw/", "xberg/", "tesserocr/"))
    assert not [line for line in maps.splitlines() if {*"ws"} <= {*line.split()[1]}]


def test_readers_give_way_as_whoever_asks_for_them(
    shared: Readers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_with(monkeypatch, "Path('../nice').write_text(str(os.nice(0))); real(task, parent)")
    own = os.getpriority(os.PRIO_PROCESS, 0)
    words(shared, tmp_path)
    assert int((tmp_path / "nice").read_text()) == own
    with ThreadPoolExecutor(1, initializer=give_way) as threads:
        threads.submit(words, shared, tmp_path).result()
    assert int((tmp_path / "nice").read_text()) == max(own, 10)
    render_page([(DOCUMENTS / "faq-telephonie.pdf").read_bytes()], 1, tmp_path, 100)
    assert int((tmp_path / "nice").read_text()) == own


def test_a_name_is_on_no_command_line_and_no_secret_in_the_environment(
    shared: Readers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUISCLOS_SECRET", "the root key")
    read_with(monkeypatch, "Path('../environment').write_text(str(os.environ)); time.sleep(1); real(task, parent)")
    with ThreadPoolExecutor() as threads:
        reading = threads.submit(read_document, "layoffs-2027.txt", b"text", tmp_path, readers=shared)
        lines = [Path(f"/proc/{each}/cmdline").read_bytes() for each in (*running(shared), host_of(shared))]
        reading.result()
    assert all(line and b"layoffs" not in line for line in lines)
    assert "HOME" in (told := (tmp_path / "environment").read_text())
    assert "root key" not in told
