"""`huisclos worker …` as IT runs it: keys and roles, workers as processes of their own, one of them killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chat.test_postgresql_house import Command, huisclos  # noqa: F401 - the fixture
from tests.chat.workers.conftest import soon
from tests.postgresql import Server

HUISCLOS = (sys.executable, "-c", "from chat.admin.cli import main; main()")
WORKER_ROLE = "reader"
FILES = 10
PICKED = "SELECT 1 FROM huisclos_work.queue WHERE status = 'picked'"


@contextmanager
def worker(command: Command, key: Path, name: str, log: Path, database: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker with a state folder of its own, which is never made."""
    state = {"HUISCLOS_STATE": str(command.state.with_name(f"nothing-{name}"))}
    environment = environment_of(command) | state | {"HUISCLOS__STORE__DATABASE": database}
    with log.open("wb") as told:
        arguments = [*HUISCLOS, "worker", "run", str(key), "--name", name]
        process = subprocess.Popen(arguments, env=environment, stdout=told, stderr=told)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(60)


@pytest.mark.model
def test_workers_are_let_in_read_are_killed_and_leave(
    huisclos: Command,  # noqa: F811 - the fixture
    postgresql: Server,
    tmp_path: Path,
) -> None:
    huisclos("init")
    huisclos("collection", "create", "handbook")
    postgresql.tell(f"CREATE ROLE {WORKER_ROLE} LOGIN PASSWORD '{postgresql.password}'")
    database, name = huisclos.store.database.replace("huisclos@", f"{WORKER_ROLE}@"), name_of(huisclos)
    key, folder, logs = tmp_path / "workers.key", tmp_path / "files", [tmp_path / "one.log", tmp_path / "two.log"]
    folder.mkdir()
    for number in range(FILES):
        lines = (f"In year {number} the orchard gave {each} baskets of pears and quinces." for each in range(40))
        (folder / f"{number:02}.txt").write_text("\n\n".join(lines))
    try:
        huisclos("worker", "key", str(key), "--role", WORKER_ROLE)
        with worker(huisclos, key, "one", logs[0], database) as one, worker(huisclos, key, "two", logs[1], database):
            soon(lambda: all(b"reads for the house" in log.read_bytes() for log in logs))
            assert "give this one another --name" in second_of_a_name(huisclos, key)
            arguments = [*HUISCLOS, "collection", "load", "handbook", str(folder)]
            load = subprocess.Popen(arguments, env=environment_of(huisclos), stderr=subprocess.PIPE)
            soon(lambda: postgresql.tell(PICKED, database=name))
            one.kill()
            _, told = load.communicate(timeout=300)
            assert load.returncode == 0, told
            assert f"{FILES} indexed".encode() in told, told
            files = {row["name"]: row["files"] for row in huisclos.rows("worker", "list", "--json")}
            assert files["two"] > 0
        soon(lambda: huisclos.rows("worker", "list", "--json") == [])  # one that was killed is forgotten after a while
    finally:
        postgresql.tell(f"DROP OWNED BY {WORKER_ROLE}", database=name)
        postgresql.tell(f"DROP ROLE {WORKER_ROLE}")


def environment_of(command: Command) -> dict[str, str]:
    return os.environ | {
        "HUISCLOS_STATE": str(command.state),
        "HUISCLOS__STORE__DATABASE": command.store.database,
        "HUISCLOS__STORE__PASSWORD_FILE": str(command.store.password_file),
    }


def second_of_a_name(command: Command, key: Path) -> str:
    """What a second worker of a name is told."""
    return Command(command.state.with_name("nothing-one"), command.store)(
        "worker", "run", str(key), "--name", "one", code=1
    )


def name_of(command: Command) -> str:
    return command.store.database.rpartition("/")[2]


def test_a_house_on_sqlite_has_no_workers_and_says_what_to_do(tmp_path: Path) -> None:
    key = tmp_path / "workers.key"

    def told(*words: str, code: int) -> str:
        environment = os.environ | {"HUISCLOS_STATE": str(tmp_path / "state")}
        ended = subprocess.run([*HUISCLOS, *words], env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == code, ended.stderr
        return ended.stderr

    told("init", code=0)
    assert "PostgreSQL" in told("worker", "key", str(key), code=3)
    assert "PostgreSQL" in told("worker", "list", code=3)
    assert "store.database" in told("worker", "run", str(key), code=1)
    assert not key.exists()
