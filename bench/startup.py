"""From `huisclos serve` to the first 200 of /health, against importing the same libraries and loading the same weights.

`python -m bench.startup [--runs 5] [--house STATE]`. Both are fresh processes, in turns. Ours also checks the SHA-256
of the weights, opens the keyring, migrates the database, and restores the index from the sealed truth.
"""

import argparse
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import Bench, Row, compare, options_of
from chat.settings import Settings, load_settings
from models.catalogue import Task
from models.store import ModelStore

RUNS = 5
WAIT_SECONDS_MAX = 300
LOOK_SECONDS = 0.02
HUISCLOS = str(Path(sys.executable).with_name("huisclos"))
QUIET = {"ORT_DISABLE_TELEMETRY": "1", "ANONYMIZED_TELEMETRY": "False"}


class StartFailed(RuntimeError):
    """A process ended, or took too long, before it was ready."""


def main() -> None:
    """Start an empty house and a filled one, each in turns with the bare process."""
    options = _options()
    bench = Bench("startup")
    with tempfile.TemporaryDirectory(prefix="huisclos-bench-") as name:
        bench.finish(measured(Path(name), options.house, options.runs), options.results)


def measured(folder: Path, filled: Path | None, runs: int) -> Iterator[Row]:
    """Seconds, for an empty house, then for `filled` or a fresh demo."""
    empty = folder / "empty"
    _run("init", "--state", str(empty))
    yield _row("an empty house", empty, folder, runs)
    if filled is None:
        _run("demo", "--state", str(folder / "demo"))
    yield _row("a filled house" if filled else "the demo collection", filled or folder / "demo", folder, runs)


def _row(case: str, state: Path, folder: Path, runs: int) -> Row:
    bare = _bare_command(load_settings(state))
    return compare(case, "s", lambda: serving(state), lambda: printing(bare, folder), runs)


def serving(state: Path, look: Callable[[int], None] = lambda _: None) -> float:
    """Seconds from the start of the command to the first 200; `look` gets the process id then."""
    port = _free_port()
    environment = os.environ | {"HUISCLOS__SERVER__PORT": str(port)}
    started = time.perf_counter()
    with _process([HUISCLOS, "serve", "--state", str(state)], environment) as process:
        while not _is_healthy(port):
            _check(process, started)
            time.sleep(LOOK_SECONDS)
        seconds = time.perf_counter() - started
        look(process.pid)
        return seconds


def printing(command: list[str], folder: Path) -> float:
    """Seconds from the start of the command to its first line."""
    environment = os.environ | QUIET | {"CHAINLIT_APP_ROOT": str(folder)}
    started = time.perf_counter()
    with _process(command, environment) as process:
        line = process.stdout.readline() if process.stdout else b""
        if not line.startswith(b"ready"):
            raise StartFailed(f"{command[:3]} ended without being ready")
        return time.perf_counter() - started


@contextmanager
def _process(command: list[str], environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(WAIT_SECONDS_MAX)


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS_MAX)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def _check(process: "subprocess.Popen[bytes]", started: float) -> None:
    if process.poll() is not None:
        raise StartFailed(f"the server ended with code {process.returncode}; run `huisclos serve` to see why")
    if time.perf_counter() - started > WAIT_SECONDS_MAX:
        raise StartFailed(f"the server was not ready after {WAIT_SECONDS_MAX} s")


def _bare_command(settings: Settings) -> list[str]:
    store = ModelStore(settings.models.folder, named=settings.models.named)
    weights = [str(store.path(store.chosen(task))) for task in (Task.EMBED, Task.GENERATE)]
    counts = (str(settings.models.threads), str(settings.models.context_tokens))
    return [sys.executable, "-m", "bench.bare_start", *weights, *counts]


def _run(*arguments: str) -> None:
    subprocess.run([HUISCLOS, *arguments], check=True, stdout=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _options() -> argparse.Namespace:
    parser = options_of("startup", __doc__, RUNS)
    parser.add_argument("--house", type=Path, help="a state folder that no server holds, instead of a fresh demo")
    return parser.parse_args()


if __name__ == "__main__":
    main()
