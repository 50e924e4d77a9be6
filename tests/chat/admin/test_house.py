"""`init`, `demo --reset` and `doctor` on folders as they are found."""

import subprocess
import sys
from pathlib import Path

import pytest

from chat.opening import open_house
from chat.settings import Settings
from tests.chat.admin.conftest import Huisclos

PHRASE = "correct horse battery staple"
EXPOSED = """
import sys
from pathlib import Path
from chat.opening import open_house
from chat.settings import load_settings
state = Path(sys.argv[1])
with open_house(state, load_settings(state, {})) as house:
    assert house.audit.verify().broken_at is None
    found = [path for folder in (state, house.memory_dir) for path in (folder, *folder.rglob("*"))]
    assert house.memory_dir / "tmp" in found
    print([str(path) for path in found if path.stat().st_mode & 0o077])
"""


def test_a_house_is_made_once_around_the_settings_that_are_there(tmp_path: Path) -> None:
    huisclos = Huisclos(tmp_path)
    (tmp_path / "huisclos.toml").write_text("[server]\nport = 8001\n")
    huisclos("init")
    key = (huisclos.state / "keys" / "root.key").read_bytes()
    code, _, error = huisclos.ends("init")
    assert code == 0
    assert "ready already" in error
    assert (huisclos.state / "keys" / "root.key").read_bytes() == key
    assert (tmp_path / "huisclos.toml").read_text() == "[server]\nport = 8001\n"


def test_nobody_else_can_enter_a_house_or_its_memory(tmp_path: Path) -> None:
    """Made in a folder that was open to all, opened by a process that would make open files."""
    huisclos = Huisclos(tmp_path)
    tmp_path.chmod(0o755)
    huisclos("init")
    ran = subprocess.run([sys.executable, "-c", EXPOSED, tmp_path], umask=0o022, check=True, capture_output=True)
    assert ran.stdout == b"[]\n"


def test_a_house_is_not_made_among_somebodys_files(tmp_path: Path) -> None:
    (tmp_path / "thesis.odt").write_text("years of work")
    mode = tmp_path.stat().st_mode
    code, _, error = Huisclos(tmp_path).ends("init")
    assert code == 2
    assert "thesis.odt" in error
    assert tmp_path.stat().st_mode == mode


def test_a_house_is_not_made_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_text("")
    assert Huisclos(path).ends("init")[0] == 2


def test_a_house_with_a_passphrase_opens_with_it_alone(tmp_path: Path) -> None:
    huisclos = Huisclos(tmp_path / "state")
    assert huisclos.ends("init", "--passphrase-stdin", stdin=f"{PHRASE}\n")[0] == 0
    assert not (huisclos.state / "keys" / "root.key").exists()
    assert PHRASE.encode() not in b"".join(path.read_bytes() for path in huisclos.state.rglob("*") if path.is_file())
    phrase = tmp_path / "phrase"
    phrase.write_text(f"{PHRASE}\n")
    phrase.chmod(0o600)
    code, out, _ = huisclos.ends("keys", "status", "--json", HUISCLOS_PASSPHRASE_FILE=str(phrase))
    assert code == 0
    assert '"kind": "passphrase"' in out
    phrase.write_text("another phrase altogether\n")
    code, out, error = huisclos.ends("keys", "status", HUISCLOS_PASSPHRASE_FILE=str(phrase))
    assert (code, out) == (3, "")
    assert "passphrase" in error
    assert "another phrase" not in error
    code, out, error = huisclos.ends("keys", "status")  # standard input is no terminal
    assert (code, out) == (3, "")
    assert "HUISCLOS_PASSPHRASE_FILE" in error


def test_a_passphrase_file_that_others_may_read_is_refused(alone: Huisclos, tmp_path: Path) -> None:
    phrase = tmp_path / "phrase"
    phrase.write_text(f"{PHRASE}\n")
    phrase.chmod(0o644)
    code, _, error = alone.ends("keys", "status", HUISCLOS_PASSPHRASE_FILE=str(phrase))
    assert code == 3
    assert "0644" in error


def test_a_weak_passphrase_makes_nothing(tmp_path: Path) -> None:
    huisclos = Huisclos(tmp_path / "state")
    code, _, _ = huisclos.ends("init", "--passphrase-stdin", stdin="short\n")
    assert code == 1
    assert not (huisclos.state / "keys" / "keyring.json").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="pseudo-terminals as Linux has them")
def test_a_passphrase_typed_on_a_terminal_is_asked_for_twice(tmp_path: Path) -> None:
    import os
    import pty

    huisclos = Huisclos(tmp_path / "state")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(
            sys.executable,
            [sys.executable, "-c", "from chat.admin.cli import main; main()", "init", "--passphrase"],
            huisclos.environment,
        )
    for _ in range(2):
        seen = b""
        while b": " not in seen:
            seen += os.read(terminal, 1000)
        os.write(terminal, f"{PHRASE}\n".encode())
    while True:
        try:
            if not os.read(terminal, 1000):
                break
        except OSError:
            break
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert (huisclos.state / "keys" / "keyring.json").exists()


def test_a_collection_whose_making_was_killed_half_way_is_finished(process_as_it_was: None, tmp_path: Path) -> None:
    huisclos = Huisclos(tmp_path / "state")
    huisclos("init")
    with open_house(huisclos.state, Settings()) as house:
        house.collections.create("doors")
    assert huisclos.ends("collection", "show", "doors")[0] == 3
    huisclos("collection", "create", "doors")
    assert huisclos.rows("collection", "show", "doors")[0]["documents"] == []
    assert huisclos.ends("collection", "create", "doors")[0] == 1


def test_starting_the_demo_over_is_refused_where_there_is_more_than_the_demo(alone: Huisclos) -> None:
    code, _, error = alone.ends("demo", "--reset")
    assert code == 3
    assert "collection rules" in error
    assert (alone.state / "truth.db").exists()


def test_doctor_exits_1_and_names_what_others_may_read(alone: Huisclos) -> None:
    stray = alone.state / "stray"
    stray.write_text("")
    stray.chmod(0o644)
    try:
        code, out, _ = alone.ends("doctor", "--json")
    finally:
        stray.unlink()
    assert code == 1
    assert str(stray) in out


def test_a_persons_conversations_are_taken_over_as_they_stand(tmp_path: Path) -> None:
    house = Huisclos(tmp_path / "state")
    house("init")
    house("user", "add", "camille")
    assert "fine      conversations of camille" in house("repair", "--conversations", "camille", "--yes")
    assert house.ends("repair", "--conversations", "nobody", "--yes")[0] == 3
    assert house.ends("repair", "--conversations", "camille", "--older", "--yes")[0] == 2
    assert "fine      conversations" in house("verify", "--quick")
