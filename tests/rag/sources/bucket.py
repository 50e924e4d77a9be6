"""A real S3 server on loopback, for the tests of sources."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BUCKET = "house"
PYTHON = Path(sys.prefix) / "bucket" / "bin" / "python"
SERVER = Path(__file__).with_name("bucket_server.py")


class NoBucketServer(Exception):
    """The environment of the server is not there."""


@dataclass(frozen=True)
class BucketServer:
    """A server with one bucket, its port, and the keys of who may read it and of who may not."""

    process: "subprocess.Popen[str]"
    port: int
    reader: tuple[str, str]
    nobody: tuple[str, str]

    def do(self, action: str, key: str = "", text: str = "", count: int = 0) -> None:
        """Change the bucket with another client than ours."""
        assert self.process.stdin
        assert self.process.stdout
        asked = {"action": action, "bucket": BUCKET, "key": key, "text": text, "count": count}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"


@contextmanager
def bucket_server() -> Iterator[BucketServer]:
    """Run it, with an empty bucket. Raises NoBucketServer."""
    if not PYTHON.exists():
        raise NoBucketServer("no S3 server on this machine; run `make environment-dev`")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([PYTHON, "-I", SERVER], text=True, **pipes) as process:  # type: ignore[call-overload]  # by name
        try:
            said = json.loads(process.stdout.readline())
            server = BucketServer(process, said["port"], tuple(said["reader"]), tuple(said["nobody"]))
            server.do("make")
            yield server
        finally:
            process.kill()
