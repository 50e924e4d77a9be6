"""The house that is attacked here: a keyring, a database, a directory with cheap passwords, a clock that is set."""

import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from chat.opening import initialise, open_house
from chat.settings import Settings
from security.audit import AuditLog
from security.directory import Directory
from security.keyring import Keyring
from security.keystore import create_keyring
from security.passwords import Argon2Cost
from security.slots import KeyFile
from tests.attacks.firm import Firm
from tests.attacks.planted import FILE_NAME, Planted, write_documents
from tests.attacks.sourced import loaded, short  # noqa: F401 - fixtures
from tests.attacks.whole import Attacked, Canaries
from tests.e2e.served import free_port


class SetClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, step: timedelta) -> None:
        self.now += step


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def advance(clock: SetClock) -> Callable[[timedelta], None]:
    return clock.advance


@pytest.fixture
def key_file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "secret" / "root.key")


@pytest.fixture
def keyring(tmp_path: Path, key_file: KeyFile) -> Keyring:
    return create_keyring(tmp_path, key_file)


@pytest.fixture
def engine(database: Engine) -> Engine:
    return database


@pytest.fixture
def directory(engine: Engine, keyring: Keyring, clock: SetClock) -> Directory:
    return Directory(engine, keyring, password_cost=Argon2Cost(64, 1, 1), clock=clock)


@pytest.fixture
def audit_log(engine: Engine, keyring: Keyring, clock: SetClock) -> AuditLog:
    return AuditLog(engine, keyring, clock)


@pytest.fixture(scope="session")
def canaries() -> Canaries:
    return Canaries()


@pytest.fixture(scope="session")
def inputs() -> Iterator[Path]:
    """A folder for what is loaded, outside every place that is scanned."""
    with tempfile.TemporaryDirectory(prefix="inputs-", dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def planted(inputs: Path, canaries: Canaries) -> Planted:
    return write_documents(inputs, canaries)


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, planted: Planted, canaries: Canaries) -> Iterator[Attacked]:
    """One real server to attack as a whole: Ada reads the archive and (by a group) the post; Bob the canteen."""
    folder = tmp_path_factory.mktemp("attacked")
    settings = {"HUISCLOS__METRICS__PORT": str(free_port())}
    house = Attacked(folder / "state", free_port(), folder / "serve.log", settings=settings)
    house.run("init")
    house.start()
    try:
        for name, documents in planted.folders.items():
            house.operate("collection.create", name=name)
            rows = house.load(name, documents, [FILE_NAME])
            assert {row["state"] for row in rows} == {"indexed"}, rows
        house.add_person(planted.ada, planted.archive)
        house.add_group(canaries("group"), planted.post, planted.ada)
        house.add_person(planted.bob, planted.canteen)
        yield house
    finally:
        house.stop()


@pytest.fixture
def firm(process_as_it_was: None, tmp_path: Path) -> Iterator[Firm]:
    initialise(tmp_path / "state", Settings())
    with open_house(tmp_path / "state", Settings()) as house:
        yield Firm(house, tmp_path)
