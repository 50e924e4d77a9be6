"""Claim: a reader that a document has taken over reaches no key, no truth, no document but its own, no network."""

import json
import os
import signal
import subprocess
import sys

import pytest

from rag.confinement import search_path
from rag.parsing.sandbox import confinement

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
    "tcp": attempt(lambda: socket.create_connection(("127.0.0.1", 9))),
    "udp": attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
    "unix": attempt(lambda: socket.socket(socket.AF_UNIX)),
    "program": attempt(lambda: subprocess.run(["/bin/true"])),
    "memory of another": attempt(lambda: Path(f"/proc/{outside}/mem").read_bytes()[:1]),
    "environment of another": attempt(lambda: Path(f"/proc/{outside}/environ").read_bytes()),
    "signal": attempt(lambda: os.kill(outside, signal.SIGUSR1)),
}))
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What a reader that runs an attacker's code gets of each attempt: an error's number, or what it wanted."""
    own, house = tmp_path_factory.mktemp("reader"), tmp_path_factory.mktemp("house")
    secret = house / "root.key"
    secret.write_text("the root key")
    sleeper = subprocess.Popen(["sleep", "600"])
    try:
        command = [sys.executable, "-I", "-c", TAKEN_OVER, str(os.getpid()), str(secret), str(sleeper.pid)]
        told = subprocess.run([*command, *search_path()], cwd=own, capture_output=True, text=True, check=True)
        assert sleeper.poll() is None
        assert secret.read_text() == "the root key"
        assert list(house.iterdir()) == [secret]
    finally:
        sleeper.send_signal(signal.SIGKILL)
        sleeper.wait()
    found: dict[str, object] = json.loads(told.stdout)
    return found


@pytest.fixture(scope="module", autouse=True)
def kernel(tmp_path_factory: pytest.TempPathFactory) -> None:
    granted = confinement(tmp_path_factory.mktemp("probe"))
    if not (granted.files and granted.network):
        pytest.skip("this kernel has no Landlock or no seccomp: `huisclos doctor` says so there")


def test_a_reader_keeps_its_own_folder(outcomes: dict[str, object]) -> None:
    assert outcomes["own folder"] == "1"


@pytest.mark.parametrize("attempt", ["read", "list", "write", "make", "link", "rename", "unlink"])
def test_nothing_outside_is_read_changed_or_taken(outcomes: dict[str, object], attempt: str) -> None:
    assert isinstance(outcomes[attempt], int)


@pytest.mark.parametrize("attempt", ["tcp", "udp", "unix"])
def test_nothing_is_sent(outcomes: dict[str, object], attempt: str) -> None:
    assert isinstance(outcomes[attempt], int)


@pytest.mark.parametrize("attempt", ["program", "memory of another", "environment of another", "signal"])
def test_no_other_process_is_started_read_or_signalled(outcomes: dict[str, object], attempt: str) -> None:
    if attempt == "signal" and tuple(map(int, os.uname().release.split(".")[:2])) < (6, 12):
        pytest.skip("kernels before 6.12 cannot keep a process from signalling others of its user")
    assert isinstance(outcomes[attempt], int)
