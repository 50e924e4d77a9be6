"""The truth's database, SQLite or PostgreSQL: an engine set for safety, brought up to date by migrations."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, Table, create_engine, event, inspect
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import ConnectionPoolEntry

from chat.postgresql import Server, open_server, sqlstate, unusable
from chat.tables import metadata as conversations
from rag.store.tables import metadata as store
from security.tables import metadata as people

if TYPE_CHECKING:
    from alembic.config import Config

_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",
    "temp_store=MEMORY",
    "foreign_keys=ON",
    "busy_timeout=10000",
)
MIGRATIONS = Path(__file__).parent / "migrations"
TABLES = (*people.sorted_tables, *store.sorted_tables, *conversations.sorted_tables)


def open_database(path: Path) -> Engine:
    """Open (or make) the SQLite database at `path` and run the migrations it lacks."""
    engine = create_engine(f"sqlite:///{path}", hide_parameters=True)
    event.listen(engine, "connect", _set_pragmas)
    migrate(engine)
    return engine


@contextmanager
def held_database(server: Server) -> Iterator[Engine]:
    """The PostgreSQL database for this process alone, with the migrations it lacked. Raises as `open_server` does."""
    engine, hold = open_server(server)
    try:
        try:
            migrate(engine)
        except DatabaseError as error:
            if not sqlstate(error.orig):
                raise
            raise unusable(server, error.orig) from error
        yield engine
    finally:
        engine.dispose()
        hold.release()


def migrate(engine: Engine, revision: str = "head") -> None:
    """Run the migrations that the database lacks up to a revision.

    Alembic is 0.3 s of every command, so it is asked only where the database is not at the newest revision.
    """
    with engine.begin() as connection:
        if revision != "head" or _revision(connection) != _newest():
            from alembic import command

            configuration = _configuration()
            configuration.attributes["connection"] = connection
            command.upgrade(configuration, revision)


def start_over(engine: Engine, tables: Sequence[Table], revision: str) -> None:
    """Drop these tables (those that others refer to first) and make them again as they were at a revision."""
    with engine.begin() as connection:
        for table in reversed(tables):
            table.drop(connection, checkfirst=True)
        connection.exec_driver_sql("DROP TABLE IF EXISTS alembic_version")
    migrate(engine, revision)


def revision_of(engine: Engine) -> str:
    """The revision that the database is at; empty where it has no tables yet."""
    with engine.connect() as connection:
        return _revision(connection)


def known_revisions() -> frozenset[str]:
    """Every revision that this release can start from."""
    from alembic.script import ScriptDirectory

    return frozenset(script.revision for script in ScriptDirectory.from_config(_configuration()).walk_revisions())


@contextmanager
def one_moment(engine: Engine) -> Iterator[Connection]:
    """A connection that sees the database as it is at its first query, however long it reads; writers go on.

    The log grows meanwhile, and is emptied at the end.
    """
    try:
        with _moment_counted(engine), engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")  # which the driver leaves out before a query
                yield connection
            else:
                yield connection.execution_options(isolation_level="REPEATABLE READ")
    finally:
        empty_log(engine)


def compact(engine: Engine) -> None:
    """Give back the room of what was deleted; SQLite's file shrinks and its write-ahead log is emptied.

    PostgreSQL's own files and log keep the (sealed) bytes until it writes over them: its administrator's to clear.
    """
    _directly(engine, "sqlite", "VACUUM")
    empty_log(engine)
    _directly(engine, "postgresql", f"VACUUM {', '.join(table.name for table in TABLES)}")


def empty_log(engine: Engine) -> None:
    """Empty SQLite's write-ahead log, where pages lie as they were before a deletion (which itself writes zeros).

    While one moment is being read it is left to that one's end: every writer would wait for it with us.
    """
    if not _moments.get(engine):
        _directly(engine, "sqlite", "PRAGMA wal_checkpoint(TRUNCATE)")


_moments: WeakKeyDictionary[Engine, int] = WeakKeyDictionary()
_counting = threading.Lock()


@contextmanager
def _moment_counted(engine: Engine) -> Iterator[None]:
    with _counting:
        _moments[engine] = _moments.get(engine, 0) + 1
    try:
        yield
    finally:
        with _counting:
            _moments[engine] -= 1


def _directly(engine: Engine, dialect: str, *statements: str) -> None:
    """Outside transactions, on the database they are meant for."""
    if engine.dialect.name == dialect:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)


def _set_pragmas(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _revision(connection: Connection) -> str:
    """What Alembic wrote into its table of one row."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() or "")


def _newest() -> str:
    """The newest revision of this release: the files are named `v<revision>_<words>.py`, in order."""
    newest = max(path.name for path in (MIGRATIONS / "versions").glob("v*_*.py"))
    return newest.removeprefix("v").partition("_")[0]


def _configuration() -> "Config":
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS))
    return configuration
