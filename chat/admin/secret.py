"""The secret that opens the house: the key file, or a passphrase from a file or a terminal. Never from an argument.

The order: `HUISCLOS_PASSPHRASE_FILE` where it is set; the key file where there is one; a terminal's answer.
"""

import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from chat.admin.outcomes import InputWrong
from security.errors import KeyringLocked

if TYPE_CHECKING:
    from security.slots import Secret

PASSPHRASE_FILE = "HUISCLOS_PASSPHRASE_FILE"  # noqa: S105 - a name, not a secret
PASSPHRASE_FILE_BYTES_MAX = 4096


def secret_for(state: Path) -> "Secret":
    """The secret for an initialised state folder. Raises KeyringLocked where none can be had, InsecureState."""
    from chat.assembly import KEY_FILE
    from security.slots import KeyFile, Passphrase
    from security.withheld import Withheld

    if PASSPHRASE_FILE in os.environ:
        return Passphrase(Withheld(_passphrase_in(Path(os.environ[PASSPHRASE_FILE]))))
    key_file = state / KEY_FILE
    if key_file.exists():
        return KeyFile(key_file)
    if not sys.stdin.isatty():
        raise KeyringLocked(
            f"{key_file} is not there and no passphrase was given: put the key file back, or name the file that "
            f"holds the passphrase in {PASSPHRASE_FILE}, or run the command on a terminal"
        )
    return Passphrase(Withheld(getpass.getpass("Passphrase of the house: ")))


def new_passphrase(from_stdin: bool) -> "Secret":
    """A passphrase for a new house: the first line of standard input, or typed twice on a terminal."""
    from security.passwords import check_strength
    from security.slots import Passphrase
    from security.withheld import Withheld

    if from_stdin:
        return Passphrase(Withheld(_checked(sys.stdin.readline().rstrip("\n"))))
    if not sys.stdin.isatty():
        raise InputWrong("--passphrase asks on a terminal and there is none; use --passphrase-stdin")
    first = getpass.getpass("New passphrase (12 characters or more): ")
    check_strength(first)
    if getpass.getpass("The same again: ") != first:
        raise InputWrong("the two passphrases differ; nothing was made: run the command again")
    return Passphrase(Withheld(first))


def password_from_stdin() -> str:
    """The first line of standard input, for a person's password."""
    return _checked(sys.stdin.readline().rstrip("\n"))


def _checked(given: str) -> str:
    if not given:
        raise InputWrong("standard input held nothing, expected the secret on its first line")
    return given


def _passphrase_in(path: Path) -> str:
    from security.files import read_private

    try:
        content = read_private(path, PASSPHRASE_FILE_BYTES_MAX).decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyringLocked(
            f"{PASSPHRASE_FILE} names {path}, which cannot be read; name a file (0600) that holds the passphrase"
        ) from error
    if not content:
        raise KeyringLocked(f"{PASSPHRASE_FILE} names {path}, which is empty; write the passphrase into it")
    return content
