"""The command line as a whole: help, exit codes, and what a person reads when something is wrong."""

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from filelock import FileLock

from chat.admin.cli import application
from tests.chat.admin.conftest import Huisclos

HEAVY = ("chat.assembly", "chromadb", "llama_cpp", "sqlalchemy", "chainlit", "httpx", "fastapi", "numpy")


def commands(found: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that name it."""
    for name, command in getattr(found, "commands", {}).items():
        yield from commands(command, (*path, name))
    if not hasattr(found, "commands"):
        yield path, found


ALL = dict(commands(typer.main.get_command(application)))


def test_the_program_opens_no_engine_before_a_command_needs_it() -> None:
    code = f"import sys, chat.admin.cli; print([name for name in {HEAVY} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_house_is_listed_without_what_answers_migrates_or_reaches_elsewhere(alone: Huisclos) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from chat.opening import open_house; from chat.settings import Settings\n"
        "with open_house(Path(sys.argv[1]), Settings()) as house: print(len(house.collections.list()))\n"
        "print([name for name in ('alembic', 'chromadb', 'httpx', 'llama_cpp', 'pg8000') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(alone.state)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[1:] == ["[]"]


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_the_help_of_every_command_has_a_sentence_and_an_example(path: tuple[str, ...]) -> None:
    assert ALL[path].help.strip()
    assert f"huisclos {' '.join(path)}" in ALL[path].epilog


@pytest.mark.parametrize("path", [path for path in ALL if path[-1] in ("list", "show", "status", "search", "ask")])
def test_whatever_is_listed_or_answered_is_there_as_json(path: tuple[str, ...]) -> None:
    assert any("--json" in parameter.opts for parameter in ALL[path].params)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--nonsense",),
        ("nonsense",),
        ("collection", "load", "rules", "/nowhere/at/all"),
        ("ask", "Who?"),
        ("ask", "-c", "rules"),
        ("ask", "-c", "rules", "--batch", "/nowhere.jsonl", "--out", "out.jsonl"),
        ("ask", "-c", "rules", "--batch", __file__),
        ("search", "who"),
        ("user", "add", "camille", "--role", "queen"),
        ("models", "add", "/nowhere.gguf"),
        ("bench", "retrieval", "--beir", "/nowhere", "--run", "out.trec"),
    ],
)
def test_what_cannot_be_used_exits_2_and_prints_nothing_on_standard_output(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    code, out, error = Huisclos(tmp_path / "state").ends(*arguments)
    assert (code, out) == (2, "")
    assert "Traceback" not in error


def test_a_malformed_batch_is_told_before_the_house_is_opened(tmp_path: Path) -> None:
    batch = tmp_path / "questions.jsonl"
    batch.write_text('{"id": "a", "question": "Who?"}\n{"id": "b"\n')
    arguments = ("ask", "-c", "rules", "--batch", str(batch), "--out", str(tmp_path / "out.jsonl"))
    code, _, error = Huisclos(tmp_path / "state").ends(*arguments)
    assert code == 2
    assert "questions.jsonl line 2 is not JSON" in error


@pytest.mark.parametrize("command", ["collection list", "keys status", "audit verify", "doctor", "serve"])
def test_a_folder_that_is_no_state_folder_is_told_how_to_become_one(tmp_path: Path, command: str) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"\xff\xd8")
    code, _, error = Huisclos(tmp_path).ends(*command.split())
    assert code == 1
    assert f"huisclos init --state {tmp_path}" in error
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_an_unknown_setting_stops_with_its_name(tmp_path: Path) -> None:
    code, _, error = Huisclos(tmp_path).ends("collection", "list", HUISCLOS__SERVER__PROT="8001")
    assert code == 1
    assert "server.prot" in error


def test_a_wrong_address_in_egress_allowed_stops_with_its_text(tmp_path: Path) -> None:
    code, _, error = Huisclos(tmp_path).ends("collection", "list", HUISCLOS__EGRESS__ALLOWED="http://x/")
    assert code == 1
    assert "http://x/" in error


@pytest.mark.parametrize("words", ["collection list", "collection show nothing", "user add camille", "keys stat"])
def test_a_command_of_these_tests_ends_as_the_started_program_does(alone: Huisclos, words: str) -> None:
    process = alone.start(*words.split())
    out, error = process.communicate(timeout=100)
    code, said, told = alone.ends(*words.split())
    assert (code, said) == (process.returncode, out)
    assert sentences(told) == sentences(error)


def sentences(told: str) -> list[str]:
    """What a command said, without what it told of a wait: that depends on how long it waited."""
    return [line for line in told.splitlines() if " … " not in line]


def test_a_state_folder_that_another_process_holds_is_left_alone(alone: Huisclos) -> None:
    with FileLock(alone.state / "lock"):
        code, out, error = alone.ends("collection", "list")
    assert (code, out) == (1, "")
    assert "in use" in error


def test_a_reader_that_goes_away_leaves_no_trace(alone: Huisclos) -> None:
    process = alone.start("collection", "list", "--json")
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 1
    assert "Traceback" not in error
    assert "Exception ignored" not in error


def test_a_place_where_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    code, _, error = Huisclos(Path("/proc/huisclos")).ends("init")
    assert code == 1
    assert "/proc/huisclos" in error
    assert os.strerror(errno.ENOENT) in error


def test_ctrl_c_in_a_load_keeps_what_is_loaded_and_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.txt").write_text(f"Rule {number}: door {number} is closed at night.")
    huisclos = Huisclos(tmp_path / "state")
    huisclos("init")
    huisclos("collection", "create", "doors")
    load = huisclos.start("collection", "load", "doors", str(folder), "--json")
    assert load.stdout
    first = load.stdout.readline()
    load.send_signal(signal.SIGINT)
    rest, error = load.communicate(timeout=60)
    assert load.returncode == 1
    assert "run the same command again, it continues" in error
    kept = {json.loads(line)["doc"] for line in (first, *rest.splitlines())}
    assert 1 <= len(kept) < 6
    states = {row["doc"]: row["state"] for row in huisclos.rows("collection", "load", "doors", str(folder))}
    assert len(states) == 6
    assert {states[doc] for doc in kept} == {"unchanged"}
