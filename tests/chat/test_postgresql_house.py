"""A whole house with its truth on a PostgreSQL server: loaded, searched, talked to; each command opens it anew."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chat.conversations import ThreadId
from chat.opening import open_house
from chat.settings import Settings, Store
from tests.e2e.served import DOCUMENTS, PASSWORD, free_port
from tests.postgresql import Server

QUESTION = "How many annual leave hours can I carry over?"
SEARCH = ("search", "--collection", "handbook", "--as", "camille", "--json", QUESTION)
LOAD = ("collection", "load", "handbook", str(DOCUMENTS), "--json")


class Command:
    """The command line with a database named in the environment."""

    def __init__(self, state: Path, store: Store) -> None:
        self.state, self.store = state, store

    def __call__(self, *arguments: str, code: int = 0) -> str:
        command = [sys.executable, "-c", "from chat.admin.cli import main; main()", *arguments]
        environment = os.environ | {
            "HUISCLOS_STATE": str(self.state),
            "HUISCLOS__STORE__DATABASE": self.store.database,
            "HUISCLOS__STORE__PASSWORD_FILE": str(self.store.password_file),
        }
        outcome = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert outcome.returncode == code, outcome.stderr
        return outcome.stdout if code == 0 else outcome.stderr

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self(*arguments).splitlines()]


@pytest.fixture
def huisclos(postgresql: Server, tmp_path: Path) -> Iterator[Command]:
    """Over a database that holds no table yet."""
    name = postgresql.make_database()
    yield Command(tmp_path / "state", postgresql.store(name))
    postgresql.drop_database(name)


@pytest.mark.model
@pytest.mark.usefixtures("process_as_it_was")
def test_what_was_put_into_a_house_on_a_server_is_there_at_every_start(huisclos: Command) -> None:
    settings, thread = Settings(store=huisclos.store), ThreadId("thread")
    huisclos("init")
    huisclos("collection", "create", "handbook")
    assert {row["state"] for row in huisclos.rows(*LOAD)} == {"indexed"}
    huisclos("user", "add", "camille")
    huisclos("collection", "grant", "handbook", "camille")
    before = huisclos.rows(*SEARCH)
    assert before[0]["doc"] == "leave.md"
    with open_house(huisclos.state, settings) as house:
        record = house.directory.find_user("camille")
        assert record is not None
        house.directory.set_password(record.id, PASSWORD)
        house.conversations.put_step(record.principal, thread, "question", {"output": QUESTION})
    assert huisclos.rows(*SEARCH) == before
    assert {row["state"] for row in huisclos.rows(*LOAD)} == {"unchanged"}
    huisclos("keys", "rotate", "handbook")
    assert huisclos.rows(*SEARCH) == before
    with open_house(huisclos.state, settings) as again:
        camille = again.directory.check_password("camille", PASSWORD)
        assert camille == record.principal
        assert [step["output"] for step in again.conversations.steps(camille, thread)] == [QUESTION]
        assert again.audit.verify().broken_at is None
    huisclos("collection", "remove", "handbook", "--yes")
    assert huisclos.rows("collection", "list", "--json") == []
    assert not (huisclos.state / "truth.db").exists()


def test_the_command_line_works_on_it_and_says_in_one_sentence_when_it_cannot(huisclos: Command) -> None:
    huisclos("init")
    huisclos("collection", "create", "handbook")
    assert [row["name"] for row in huisclos.rows("collection", "list", "--json")] == ["handbook"]
    assert "PostgreSQL" in huisclos("demo", "--reset", code=3)
    huisclos.store = huisclos.store.model_copy(update={"database": f"postgresql://u@127.0.0.1:{free_port()}/x"})
    told = huisclos("collection", "list", code=1)
    assert told.strip().splitlines()[-1].startswith("setting store.database (x at 127.0.0.1:")
    assert "Traceback" not in told
