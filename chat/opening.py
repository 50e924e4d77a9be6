"""A state folder made, and opened as a house for this process alone, in order; closed in reverse."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Engine

from chat.assembly import House
from chat.backup.taking import HELD
from chat.belonging import check_belongs, check_unused
from chat.database import held_database, open_database
from chat.errors import RestoreCut, StateInUse, StateMissing
from chat.postgresql import server_of
from chat.settings import Settings
from security.hygiene import harden_process
from security.keyring import Keyring
from security.keystore import create_keyring, keyring_path, open_keyring, put_back
from security.slots import KeyFile, Secret

KEY_FILE = "keys/root.key"
DATABASE = "truth.db"

RESTORING = "restoring"
"""The file that says that what the house holds comes from a restore that has not ended."""


def is_initialised(state: Path) -> bool:
    """Whether the state folder has its keyring."""
    return keyring_path(state).exists()


def initialise(state: Path, settings: Settings, secret: Secret | None = None) -> bool:
    """Make the state folder with keys and database; False when it was there already."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    state.chmod(0o700)
    if is_initialised(state):
        return False
    with _locked(state), memory_folder(settings.memory_for(state)) as memory:
        harden_process(memory)
        with _truth(state, settings) as engine:
            check_unused(engine)
        create_keyring(state, secret or KeyFile(state / KEY_FILE), anchor=settings.anchor)
    return True


def restore_keyring(state: Path, copy: Path, secret: Secret) -> None:
    """Put a copy of the keyring in place while nobody serves the house. Raises StateInUse, KeyringLocked."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(state):
        put_back(state, copy, secret)


@contextmanager
def open_house(state: Path, settings: Settings, secret: Secret | None = None) -> Iterator[House]:
    """Open an initialised state folder for this process alone, and end the destruction of a key that was cut short.

    Raises StateMissing, StateInUse, KeyringLocked, DatabaseUnusable, and RestoreCut where a restore did not come to its
    end.
    """
    with open_for_restore(state, settings, secret) as house:
        if (state / RESTORING).exists():
            raise RestoreCut(
                f"a restore into {state} was cut short and what is there is a part; run `huisclos restore` again"
            )
        check_belongs(house.audit.last, house.collections.list, house.directory.users)
        house.shredder.finish()
        yield house


@contextmanager
def open_for_restore(state: Path, settings: Settings, secret: Secret | None = None) -> Iterator[House]:
    """Open it like `open_house`, also where it is empty or a restore was cut short."""
    if not is_initialised(state):
        raise StateMissing(f"{state} is not initialised; run `huisclos init`")
    with _locked(state), ExitStack() as closing:
        shutil.rmtree(state / HELD, ignore_errors=True)  # of a backup that was killed
        memory = closing.enter_context(memory_folder(settings.memory_for(state)))
        harden_process(memory)
        keyring = open_keyring(state, secret or KeyFile(state / KEY_FILE), anchor=settings.anchor)
        engine = closing.enter_context(_truth(state, settings))
        closing.callback(keyring.epochs.write_noted)
        yield House(state, settings, memory, engine, keyring, closing)


@contextmanager
def _truth(state: Path, settings: Settings) -> Iterator[Engine]:
    """The database of the house: the server's that the settings name, or SQLite in the state folder."""
    if settings.store.database:
        with held_database(server_of(settings)) as engine:
            yield engine
        return
    engine = open_database(state / DATABASE)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def open_keyring_alone(state: Path, settings: Settings, secret: Secret) -> Iterator[Keyring]:
    """Open the keyring of a state folder whose data are not looked at. Raises StateInUse, KeyringLocked."""
    with _locked(state), memory_folder(settings.memory_for(state)) as memory:
        harden_process(memory)
        yield open_keyring(state, secret)


@contextmanager
def memory_folder(folder: Path) -> Iterator[Path]:
    """The memory-backed folder, empty at the start and gone at the end."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(state: Path) -> Iterator[None]:
    lock = FileLock(state / "lock", timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout as error:
        raise StateInUse(f"{state} is in use by another process; stop it, or use the running server") from error
    try:
        yield
    finally:
        lock.release()
