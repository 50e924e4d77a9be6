"""Claim: a reader that a document has taken over reaches no key, no truth, no document but its own, no network."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from rag.confinement import Limits, search_path
from rag.errors import DocumentRejected
from rag.parsing import sandbox
from rag.parsing.readers import Readers
from rag.parsing.sandbox import confinement, read_document, render_page
from tests.rag.parsing.forked import UNHELD, is_running, read_with

TAKEN_OVER = """
import json, os, signal, socket, subprocess, sys
sys.path[:0] = sys.argv[4:]
from pathlib import Path
from rag.confinement import Limits, confine
confine(Limits(), int(sys.argv[1]), Path.cwd())
secret, outside = Path(sys.argv[2]), int(sys.argv[3])

def attempt(act):
    try:
        return repr(act())
    except OSError as error:
        return error.errno

print(json.dumps({
    "own folder": attempt(lambda: Path("own").write_text("x")),
    "read": attempt(lambda: secret.read_text()),
    "list": attempt(lambda: list(secret.parent.iterdir())),
    "write": attempt(lambda: secret.write_text("x")),
    "make": attempt(lambda: (secret.parent / "new").write_text("x")),
    "link": attempt(lambda: os.link(secret, "here")),
    "rename": attempt(lambda: os.rename(secret, "here")),
    "unlink": attempt(lambda: secret.unlink()),
    "rights": attempt(lambda: os.chmod(secret, 0o666)),
    "owner": attempt(lambda: os.chown(secret, 1, 1)),
    "symbolic link": attempt(lambda: os.symlink(secret, "member-0")),
    "pipe": attempt(lambda: os.mkfifo("member-1")),
    "tcp": attempt(lambda: socket.create_connection(("127.0.0.1", 9))),
    "udp": attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
    "unix": attempt(lambda: socket.socket(socket.AF_UNIX)),
    "process": attempt(lambda: os.fork() or os._exit(0)),
    "program": attempt(lambda: subprocess.run(["/bin/true"])),
    "memory of another": attempt(lambda: Path(f"/proc/{outside}/mem").read_bytes()[:1]),
    "environment of another": attempt(lambda: Path(f"/proc/{outside}/environ").read_bytes()),
    "signal": attempt(lambda: os.kill(outside, signal.SIGUSR1)),
    "signal to a group": attempt(lambda: os.killpg(outside, signal.SIGUSR1)),
}))
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> None:
    granted = confinement(tmp_path_factory.mktemp("probe"))
    if not (granted.files and granted.network):
        pytest.skip("this kernel has no Landlock or no seccomp: `huisclos doctor` says so there")


@pytest.fixture(scope="module")
def outcomes(kernel: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What a reader that runs an attacker's code gets of each attempt: an error's number, or what it wanted."""
    own, house = tmp_path_factory.mktemp("reader"), tmp_path_factory.mktemp("house")
    secret = house / "root.key"
    secret.write_text("the root key")
    sleeper = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        command = [sys.executable, "-I", "-c", TAKEN_OVER, str(os.getpid()), str(secret), str(sleeper.pid)]
        told = subprocess.run([*command, *search_path()], cwd=own, capture_output=True, text=True, check=True)
        assert sleeper.poll() is None
        assert secret.read_text() == "the root key"
        assert list(house.iterdir()) == [secret]
        assert sorted(path.name for path in own.iterdir()) == ["own"]
    finally:
        sleeper.send_signal(signal.SIGKILL)
        sleeper.wait()
    found: dict[str, object] = json.loads(told.stdout)
    return found


def test_a_reader_keeps_its_own_folder(outcomes: dict[str, object]) -> None:
    assert outcomes["own folder"] == "1"


@pytest.mark.parametrize("attempt", ["read", "list", "write", "make", "link", "rename", "unlink", "rights", "owner"])
def test_nothing_outside_is_read_changed_or_taken(outcomes: dict[str, object], attempt: str) -> None:
    assert isinstance(outcomes[attempt], int)


@pytest.mark.parametrize("attempt", ["tcp", "udp", "unix"])
def test_nothing_is_sent(outcomes: dict[str, object], attempt: str) -> None:
    assert isinstance(outcomes[attempt], int)


@pytest.mark.parametrize(
    "attempt",
    ["process", "program", "memory of another", "environment of another", "signal", "signal to a group"],
)
def test_no_other_process_is_started_read_or_signalled(outcomes: dict[str, object], attempt: str) -> None:
    assert isinstance(outcomes[attempt], int)


@pytest.mark.parametrize("attempt", ["symbolic link", "pipe"])
def test_nothing_is_laid_out_for_whoever_looks_after_the_folder(outcomes: dict[str, object], attempt: str) -> None:
    assert isinstance(outcomes[attempt], int)


FROM_ITS_HOST = """
import resource, socket
from rag.confinement import Limits, confine
confine(Limits(**task["limits"]), parent, Path.cwd())
kernel = ctypes.CDLL(None, use_errno=True)

def attempt(act):
    try:
        return repr(act())
    except OSError as error:
        return error.errno

def attach():
    if kernel.ptrace(16, parent, None, None):
        raise OSError(ctypes.get_errno(), "ptrace")

attempts = {
    "open": [file for file in range(256) if attempt(lambda: os.fstat(file).st_mode).__class__ is str],
    "sockets": [file for file in range(256) if attempt(lambda: socket.socket(fileno=os.dup(file))).__class__ is str],
    "signal": attempt(lambda: os.kill(parent, 0)),
    "signal to its group": attempt(lambda: os.killpg(parent, signal.SIGKILL)),
    "signal by descriptor": attempt(lambda: signal.pidfd_send_signal(os.pidfd_open(parent), signal.SIGKILL)),
    "trace": attempt(attach),
    "memory": attempt(lambda: os.open(f"/proc/{parent}/mem", os.O_RDWR)),
    "addresses": attempt(lambda: Path(f"/proc/{parent}/maps").read_text()),
    "environment": attempt(lambda: Path(f"/proc/{parent}/environ").read_text()),
    "socket": attempt(lambda: os.open(f"/proc/{parent}/fd/0", os.O_RDWR)),
    "its folder": attempt(lambda: os.listdir("..")),
    "a file in its folder": attempt(lambda: Path("../left").touch()),
    "process": attempt(lambda: os.fork() or os._exit(0)),
    "thread": attempt(lambda: __import__("threading").Thread(target=int).start()),
    "alone in its session": os.getsid(0) == os.getpid() == os.getpgrp(),
}
sys.stdout.write(json.dumps(attempts))
"""


@pytest.fixture(scope="module")
def from_its_host(kernel: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What a reader that was taken over gets of the host that has forked it, and will fork the next."""
    memory = tmp_path_factory.mktemp("memory")
    with pytest.MonkeyPatch.context() as patch, Readers(memory) as readers:
        read_with(patch, FROM_ITS_HOST)
        with sandbox._whole([], memory, Limits()) as source:
            child = sandbox._Child("", source, memory, Limits(), threading.Event(), readers)
            told = child.run({"do": "parse"}).told
            assert readers._host is not None
            assert is_running(readers._host.process.pid)
            assert child.run({"do": "parse"}).told == told
    return told


@pytest.mark.parametrize(
    "attempt",
    [
        "signal",
        "signal to its group",
        "signal by descriptor",
        "trace",
        "memory",
        "addresses",
        "environment",
        "socket",
        "its folder",
        "a file in its folder",
        "process",
    ],
)
def test_the_host_that_forks_readers_is_out_of_their_reach(from_its_host: dict[str, object], attempt: str) -> None:
    assert isinstance(from_its_host[attempt], int)


def test_a_reader_may_start_threads(from_its_host: dict[str, object]) -> None:
    assert from_its_host["thread"] == "None"


def test_a_reader_holds_its_file_and_its_outcome_alone(from_its_host: dict[str, object]) -> None:
    assert from_its_host["open"] == [0, 1, 2]
    assert from_its_host["sockets"] == []
    assert from_its_host["alone in its session"] is True


HOST_ITSELF = """
import ctypes, json, os, sys
from pathlib import Path
real_take = host._Host._take
def attempt(act):
    try:
        return repr(act())
    except OSError as error:
        return error.errno
def take(self):
    Path("told").write_text(json.dumps({
        "read": attempt(lambda: Path(SECRET).read_text()),
        "write": attempt(lambda: Path(SECRET).write_text("x")),
        "program": attempt(lambda: os.execv("/bin/true", ["true"])),
        "network": attempt(lambda: host.socket.socket(host.socket.AF_INET)),
        "own folder": attempt(lambda: Path("own").write_text("x")),
    }))
    real_take(self)
host._Host._take = take
"""


def test_the_host_itself_reads_no_secret_starts_no_program_and_has_no_network(
    kernel: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (memory := tmp_path / "memory").mkdir()
    secret = tmp_path / "root.key"
    secret.write_text("the root key")
    read_with(monkeypatch, "real(task, parent)", HOST_ITSELF.replace("SECRET", repr(str(secret))))
    read_document("a.txt", b"text", memory)
    told = json.loads((memory / "told").read_text())
    assert told.pop("own folder") == "1"
    assert {type(outcome) for outcome in told.values()} == {int}
    assert secret.read_text() == "the root key"


class Hostile:
    """Readers that a document has taken over and no kernel holds: each run does what the test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, memory_dir: Path) -> None:
        self._patch, self.memory_dir = monkeypatch, memory_dir

    def read(self, code: str, told: object) -> sandbox.ReadDocument:
        read_with(self._patch, f"{code}; sys.stdout.write({json.dumps(told)!r})", UNHELD)
        return read_document("a.pdf", b"%PDF-", self.memory_dir, tessdata=self.memory_dir)


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hostile:
    (tmp_path / "memory").mkdir()
    return Hostile(monkeypatch, tmp_path / "memory")


ABOUT: dict[str, Any] = {
    "signs": [],
    "hidden_signs": [],
    "title": "t",
    "pages": 1,
    "modified_at": None,
    "blocks": [{"kind": "paragraph", "text": "words"}],
    "members": [],
}
TOLD: dict[str, Any] = {"media_type": "application/pdf", "document": ABOUT}


def test_what_a_hostile_reader_tells_well_is_taken(hostile: Hostile) -> None:
    assert hostile.read("pass", TOLD).document.blocks[0].text == "words"


@pytest.mark.parametrize(
    "leave",
    [
        "os.symlink({secret!r}, 'member-0')",
        "os.mkfifo('member-0')",
        "os.mkdir('member-0')",
        "here = os.getcwd(); os.rmdir(here); os.symlink({house!r}, here)",
        "pass",
    ],
)
def test_a_link_left_as_a_member_is_not_followed(hostile: Hostile, tmp_path: Path, leave: str) -> None:
    (secret := tmp_path / "house" / "member-0").parent.mkdir()
    secret.write_text("the root key")
    code = leave.format(secret=str(secret), house=str(secret.parent))
    with pytest.raises(DocumentRejected, match="what no reader gives"):
        hostile.read(code, TOLD | {"document": ABOUT | {"members": ["a.txt"]}})
    assert secret.read_text() == "the root key"


@pytest.mark.parametrize("name", ["scanned.json", "out", "member-0"])
def test_a_link_left_for_the_next_run_is_not_written_through(hostile: Hostile, tmp_path: Path, name: str) -> None:
    secret = tmp_path / "root.key"
    secret.write_text("the root key")
    with pytest.raises(DocumentRejected):
        hostile.read(f"os.path.lexists({name!r}) or os.symlink({str(secret)!r}, {name!r})", {"scanned": [1]})
    assert secret.read_text() == "the root key"


@pytest.mark.parametrize(
    "told",
    [
        [],
        {"document": 7},
        {"document": None, "media_type": "application/pdf"},
        {"scanned": ["x"]},
        {"scanned": 3},
        {"scanned": [1], "lines": 3},
        TOLD | {"media_type": "application/x-shell"},
        TOLD | {"document": ABOUT | {"blocks": [{"kind": "script", "text": "x"}]}},
        TOLD | {"document": ABOUT | {"blocks": [{"kind": "paragraph", "text": 7}]}},
        TOLD | {"document": ABOUT | {"blocks": [{"kind": "paragraph", "text": "x", "boxes": [[1]]}]}},
        TOLD | {"document": ABOUT | {"pages": "many"}},
        TOLD | {"document": ABOUT | {"signs": ["nonsense"]}},
        TOLD | {"document": ABOUT | {"members": 4}},
        TOLD | {"document": ABOUT | {"members": [["a"]]}},
        TOLD | {"document": {key: value for key, value in ABOUT.items() if key != "blocks"}},
    ],
)
def test_what_no_reader_gives_refuses_the_document(hostile: Hostile, told: object) -> None:
    with pytest.raises(DocumentRejected):
        hostile.read("open('member-0', 'w').close()", told)


@pytest.mark.parametrize("told", [{"png": 7}, {"png": "é"}, {}])
def test_what_no_reader_draws_is_refused(hostile: Hostile, monkeypatch: pytest.MonkeyPatch, told: object) -> None:
    read_with(monkeypatch, f"sys.stdout.write({json.dumps(told)!r})", UNHELD)
    with pytest.raises(DocumentRejected):
        render_page([b"%PDF-"], 1, hostile.memory_dir)
