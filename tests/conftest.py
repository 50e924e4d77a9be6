"""For every test: the chat view writes its folders elsewhere than into the checkout; a truth on either database."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from chat.database import held_database, open_database
from chat.postgresql import server_of
from chat.settings import Settings, Store
from tests.postgresql import NoServer, Server, running_server

if "CHAINLIT_APP_ROOT" not in os.environ:
    os.environ["CHAINLIT_APP_ROOT"] = tempfile.mkdtemp(prefix="huisclos-view-")
    atexit.register(shutil.rmtree, os.environ["CHAINLIT_APP_ROOT"], ignore_errors=True)


@contextmanager
def kept_process() -> Iterator[None]:
    """A house opened in the block hardens the process, and its memory goes at the end: afterwards all is as before."""
    environment, folder, mask = dict(os.environ), tempfile.tempdir, os.umask(0o077)
    yield
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = folder
    os.umask(mask)


@pytest.fixture
def process_as_it_was() -> Iterator[None]:
    """For a test that opens a house in this process."""
    with kept_process():
        yield


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A real server for the whole run; what needs it is skipped where none can be installed."""
    with ExitStack() as running:
        try:
            server = running.enter_context(running_server())
        except NoServer as error:
            pytest.skip(str(error))
        yield server


@pytest.fixture(scope="session")
def migrated(postgresql: Server) -> str:
    """The name of a database that holds the tables and nothing else, to copy."""
    name = postgresql.make_database()
    with held_database(server_of(postgresql.settings(name))):
        pass
    return name


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Where a house keeps its truth: SQLite, or a fresh database on the server; see ON_BOTH_DATABASES."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield Store()
        return
    server, migrated = request.getfixturevalue("postgresql"), request.getfixturevalue("migrated")
    name = server.make_database(migrated)
    yield server.store(name)
    server.drop_database(name)


@pytest.fixture
def stored(request: pytest.FixtureRequest, store: Store, tmp_path: Path) -> Callable[[], bytes]:
    """Gives every byte of the files in which the database lies."""
    if not store.database:
        return lambda: b"".join(path.read_bytes() for path in tmp_path.rglob("truth.db*"))
    server: Server = request.getfixturevalue("postgresql")
    return lambda: server.bytes_of(store.database.rpartition("/")[2])


@pytest.fixture
def database(store: Store, tmp_path: Path) -> Iterator[Engine]:
    """The empty tables of a house."""
    if store.database:
        with held_database(server_of(Settings(store=store))) as engine:
            yield engine
        return
    engine = open_database(tmp_path / "truth.db")
    yield engine
    engine.dispose()
