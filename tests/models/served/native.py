"""A real llama.cpp server on loopback, for the tests of served answers."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from models.served.address import ServerAddress
from tests.models.generator_contract import CONTEXT_TOKENS

PYTHON = Path(sys.prefix) / "native" / "bin" / "python"
SERVER = Path(__file__).with_name("native_server.py")


@dataclass(frozen=True)
class NativeServer:
    """A server process and its port."""

    process: "subprocess.Popen[str]"
    port: int

    @property
    def address(self) -> ServerAddress:
        return ServerAddress("http", "127.0.0.1", self.port)

    def pause(self) -> None:
        """Have it keep its connections and answer nothing."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def native_server(
    weights: Path, *, context_tokens: int = CONTEXT_TOKENS, slots: int = 1, key: str = "", port: int = 0
) -> Iterator[NativeServer]:
    """Run it, its weights loaded; the test is skipped where its environment is not there."""
    if not PYTHON.exists():
        pytest.skip("no llama.cpp server on this machine; run `make environment-dev`")
    command = [PYTHON, "-I", SERVER, weights, str(context_tokens), str(slots), str(port), *([key] if key else [])]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]  # by name
        try:
            yield NativeServer(process, int(process.stdout.readline()))
        finally:
            process.kill()
