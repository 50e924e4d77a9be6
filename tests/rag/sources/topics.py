"""A real Kafka broker on loopback, for the tests of sources."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PYTHON = Path(sys.prefix) / "topics" / "bin" / "python"
SERVER = Path(__file__).with_name("topic_server.py")


class NoBroker(Exception):
    """The environment of the broker is not there."""


@dataclass(frozen=True)
class TopicServer:
    """A broker, and its port."""

    process: "subprocess.Popen[str]"
    port: int

    def put(
        self,
        topic: str,
        *messages: tuple[str | None, str | None],
        part: int = 0,
        codec: str | None = None,
        at_ms: int | None = None,
    ) -> None:
        """Write messages, each a key and a text, as one batch."""
        self.do("put", topic, messages=messages, part=part, codec=codec, at_ms=at_ms)

    def do(self, action: str, topic: str, **more: Any) -> None:
        """Change a topic with another client than ours."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"action": action, "topic": topic, **more}) + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"


@contextmanager
def topic_server() -> Iterator[TopicServer]:
    """Run it, without a topic. Raises NoBroker."""
    if not PYTHON.exists():
        raise NoBroker("no Kafka broker on this machine; run `make environment-dev`")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([PYTHON, "-I", SERVER], text=True, **pipes) as process:  # type: ignore[call-overload]  # by name
        try:
            yield TopicServer(process, json.loads(process.stdout.readline())["port"])
        finally:
            process.stdin.close()
            process.wait(20)
