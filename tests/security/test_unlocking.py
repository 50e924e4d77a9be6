import sys
from pathlib import Path

import pytest

from security import unlocking
from security.errors import KeyringLocked
from security.slots import SlotKind
from security.unlocking import credential, printed_by

SECRET = b"0123456789abcdef0123456789abcdef"


def printing(text: str) -> str:
    return f"{sys.executable} -c \"print('{text}')\""


def test_a_command_gives_what_it_prints_without_the_end_of_the_line() -> None:
    given = printed_by(printing(SECRET.decode()))
    assert (given.kind, given.content) == (SlotKind.COMMAND, SECRET)


def test_a_command_is_not_given_to_a_shell(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    printed_by(f"echo {SECRET.decode()} ; touch {trace}")
    assert not trace.exists()


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("", "nothing cannot be run"),
        ("/no/such/program --key", "/no/such/program cannot be run"),
        ("false", "false ended with 1"),
        ("echo short", "echo gave 5 bytes, expected 16 to 4096"),
        (printing("x" * 5000), "gave 5000 bytes"),
    ],
)
def test_a_command_that_gives_no_secret_is_explained(command: str, told: str) -> None:
    with pytest.raises(KeyringLocked, match=told):
        printed_by(command)


def test_a_command_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlocking, "COMMAND_SECONDS_MAX", 0.2)
    with pytest.raises(KeyringLocked, match="printed no secret"):
        printed_by("sleep 30")


def test_a_credential_is_what_its_file_holds(tmp_path: Path) -> None:
    path = tmp_path / "huisclos"
    path.write_bytes(SECRET + b"\r\n")
    assert credential(path).content == SECRET
    with pytest.raises(KeyringLocked, match="cannot be read"):
        credential(tmp_path / "other")
