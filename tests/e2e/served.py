"""A state folder, the commands over it, and its server as a process of its own."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from tests.warm import ended

DOCUMENTS = Path(__file__).parents[1] / "data" / "documents"
SMALL = "qwen2.5-coder-0.5b-instruct"
PASSWORD = "correct horse battery"
START_SECONDS_MAX = 120
_SERVE = [sys.executable, "-c", "from chat.admin.cli import main; main()", "serve"]


@dataclass(slots=True)
class House:
    """A state folder and the server over it."""

    state: Path
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        settings = {"HUISCLOS__MODELS__GENERATE": SMALL, "HUISCLOS__SERVER__PORT": str(self.port)}
        return {**os.environ, **settings, **self.settings, "HUISCLOS_STATE": str(self.state)}

    def run(self, *arguments: str, code: int = 0, given: str = "") -> str:
        returned, out, error = ended(arguments, self.environment, given)
        assert returned == code, error[-2000:]
        return out if code == 0 else error

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(_SERVE, env=self.environment, stdout=log, stderr=log)
        until = time.monotonic() + START_SECONDS_MAX
        while not self._answers():
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            assert time.monotonic() < until, "the server did not start in time"
            time.sleep(0.2)

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
