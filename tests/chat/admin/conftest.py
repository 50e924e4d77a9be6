"""The command line as an administrator runs it: over one house that nobody serves, and over a served copy of it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.warm import ended

SMALL = "qwen2.5-coder-0.5b-instruct"
TEXTS = {
    "leave.md": "# Annual leave\n\nEmployees have 25 days of annual leave. Up to 5 days may be carried over.\n",
    "teletravail.md": "# Télétravail\n\nLes salariés peuvent télétravailler deux jours par semaine.\n",
    "sub/badges.txt": "Lost badges are replaced by the front desk within one day.\n",
}
START_SECONDS_MAX = 120


@dataclass(frozen=True)
class Huisclos:
    """The program over one state folder. What `start` runs is started anew; the rest is forked (tests/warm.py)."""

    state: Path
    port: int = 0

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HUISCLOS_") or "__" in name}
        return kept | {
            "HUISCLOS_STATE": str(self.state),
            "HUISCLOS__MODELS__GENERATE": SMALL,
            "HUISCLOS__SERVER__PORT": str(self.port),
        }

    def start(self, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        """The running program, its output in pipes."""
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        command = [sys.executable, "-c", "from chat.admin.cli import main; main()", *arguments]
        return subprocess.Popen(command, **(pipes | {"env": self.environment} | options))

    def ends(self, *arguments: str, stdin: str = "", **environment: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        return ended(arguments, self.environment | environment, stdin)

    def __call__(self, *arguments: str) -> str:
        """Standard output of a command that must succeed."""
        code, out, error = self.ends(*arguments)
        assert code == 0, error
        return out

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """The JSON lines of a command that must succeed."""
        return [json.loads(line) for line in self(*arguments, "--json").splitlines()]


@pytest.fixture(scope="session")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    for name, text in TEXTS.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory, documents: Path) -> Huisclos:
    """A house with a loaded collection, an employee who may read it and one who may not; nobody serves it."""
    huisclos = Huisclos(tmp_path_factory.mktemp("alone") / "state")
    huisclos("init")
    huisclos("collection", "create", "rules")
    huisclos("collection", "load", "rules", str(documents))
    huisclos("user", "add", "camille")
    huisclos("user", "add", "dominique")
    huisclos("collection", "grant", "rules", "camille")
    return huisclos


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, alone: Huisclos) -> Iterator[Huisclos]:
    """A copy of the same house, with a server on it."""
    huisclos = Huisclos(tmp_path_factory.mktemp("served") / "state", free_port())
    shutil.copytree(alone.state, huisclos.state)
    server = huisclos.start("serve", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_until_open(server)
    yield huisclos
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=60)
    assert server.returncode == 0


@pytest.fixture(params=["alone", "served"])
def huisclos(request: pytest.FixtureRequest) -> Huisclos:
    """The same house without a server and through one: nothing may differ."""
    found: Huisclos = request.getfixturevalue(request.param)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_open(server: "subprocess.Popen[str]") -> None:
    """Read what the server says until it tells its address."""
    assert server.stderr
    until = time.monotonic() + START_SECONDS_MAX
    for line in server.stderr:
        if "is open at" in line:
            return
        assert time.monotonic() < until, line
    pytest.fail("the server ended before it was open")
