"""The secrets that open the house, read by the command that needs them. Never from an argument.

The order: `HUISCLOS_PASSPHRASE_FILE`, `HUISCLOS_KEY_COMMAND`, `HUISCLOS_SHARE_FILES` where they are set; systemd's
credential `huisclos`; the key file where there is one; a terminal's answer.
"""

import getpass
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from chat.admin.outcomes import InputWrong
from security.errors import KeyringLocked

if TYPE_CHECKING:
    from security.slots import Given, Secret, SlotKind

PASSPHRASE_FILE = "HUISCLOS_PASSPHRASE_FILE"  # noqa: S105 - a name, not a secret
KEY_COMMAND = "HUISCLOS_KEY_COMMAND"
SHARE_FILES = "HUISCLOS_SHARE_FILES"
CREDENTIALS, CREDENTIAL = "CREDENTIALS_DIRECTORY", "huisclos"
PASSPHRASE_FILE_BYTES_MAX = 4096


def secret_for(state: Path, keyring: bytes | None = None) -> "Secret":
    """The secret for a state folder, or for a copy of its keyring. Raises KeyringLocked where there is none."""
    kinds = _kinds_in(state, keyring)
    found = next(at_hand(state, kinds), None)
    if found is not None:
        return found
    if not sys.stdin.isatty():
        from chat.opening import KEY_FILE

        raise KeyringLocked(
            f"{state / KEY_FILE} is not there and no other secret was given: put the key file back, or name the file "
            f"that holds the passphrase in {PASSPHRASE_FILE}, or the command that prints the secret in {KEY_COMMAND}, "
            f"or the files of shares in {SHARE_FILES}, or run the command on a terminal"
        )
    return asked(kinds)


def at_hand(state: Path, kinds: "frozenset[SlotKind] | None" = None) -> "Iterator[Secret]":
    """Every secret that can be had without asking anybody, in the order in which they are tried.

    The key file is one only where a slot of its kind is among `kinds` (those of the house, where not given).
    """
    from chat.opening import KEY_FILE
    from security.slots import KeyFile, Passphrase, SlotKind
    from security.unlocking import credential, printed_by
    from security.withheld import Withheld

    if path := os.environ.get(PASSPHRASE_FILE):
        yield Passphrase(Withheld(_passphrase_in(Path(path))))
    if command := os.environ.get(KEY_COMMAND):
        yield printed_by(command)
    if paths := os.environ.get(SHARE_FILES):
        yield from_shares([_share_in(Path(path)) for path in paths.split(os.pathsep)])
    if (folder := os.environ.get(CREDENTIALS)) and (Path(folder) / CREDENTIAL).exists():
        yield credential(Path(folder) / CREDENTIAL)
    if (state / KEY_FILE).exists() and SlotKind.KEY_FILE in (kinds or _kinds_in(state)):
        yield KeyFile(state / KEY_FILE)


def asked(kinds: "frozenset[SlotKind]") -> "Secret":
    """A passphrase, or shares one by one where nothing but shares opens the house, typed on the terminal."""
    from security.slots import Passphrase, SlotKind
    from security.withheld import Withheld

    if SlotKind.SHARES in kinds and SlotKind.PASSPHRASE not in kinds:
        return _asked_shares()
    return Passphrase(Withheld(getpass.getpass("Passphrase of the house: ")))


def from_shares(texts: "list[str]") -> "Given":
    """The secret that shares make together."""
    from security.shares import join_shares
    from security.slots import Given, SlotKind

    return Given(SlotKind.SHARES, join_shares(texts))


def _asked_shares() -> "Given":
    from security.shares import needed_of

    given = [getpass.getpass("Share 1: ")]
    needed = needed_of(given[0])
    given += [getpass.getpass(f"Share {place} of {needed}: ") for place in range(2, needed + 1)]
    return from_shares(given)


def _kinds_in(state: Path, keyring: bytes | None = None) -> "frozenset[SlotKind]":
    from security.keystore import keyring_copy, slot_kinds

    return slot_kinds(keyring or keyring_copy(state)[1])


def new_passphrase(from_stdin: bool) -> "Secret":
    """A new passphrase: the first line of standard input, or typed twice on a terminal."""
    from security.passwords import check_strength
    from security.slots import Passphrase
    from security.withheld import Withheld

    if from_stdin:
        return Passphrase(Withheld(_checked(sys.stdin.readline().rstrip("\n"))))
    if not sys.stdin.isatty():
        raise InputWrong("a passphrase is asked on a terminal and there is none; use --passphrase-stdin")
    first = getpass.getpass("New passphrase (12 characters or more): ")
    check_strength(first)
    if getpass.getpass("The same again: ") != first:
        raise InputWrong("the two passphrases differ; nothing was changed: run the command again")
    return Passphrase(Withheld(first))


def password_from_stdin() -> str:
    """The first line of standard input, for a person's password."""
    return _checked(sys.stdin.readline().rstrip("\n"))


def _checked(given: str) -> str:
    if not given:
        raise InputWrong("standard input held nothing, expected the secret on its first line")
    return given


def _passphrase_in(path: Path) -> str:
    return _private_line(path, PASSPHRASE_FILE, "the passphrase")


def _share_in(path: Path) -> str:
    return _private_line(path, SHARE_FILES, "a share")


def _private_line(path: Path, variable: str, what: str) -> str:
    from security.files import read_private

    try:
        content = read_private(path, PASSPHRASE_FILE_BYTES_MAX).decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyringLocked(
            f"{variable} names {path}, which cannot be read; name a file (0600) that holds {what}"
        ) from error
    if not content:
        raise KeyringLocked(f"{variable} names {path}, which is empty; write {what} into it")
    return content
