"""The truth's database, SQLite or PostgreSQL: an engine set for safety, brought up to date by migrations."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import ConnectionPoolEntry

from chat.conversations import metadata as conversations
from chat.postgresql import Server, open_server, sqlstate, unusable
from rag.store.tables import metadata as store
from security.tables import metadata as people

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
    _migrate(engine)
    return engine


@contextmanager
def held_database(server: Server) -> Iterator[Engine]:
    """The PostgreSQL database for this process alone, with the migrations it lacked. Raises as `open_server` does."""
    engine, hold = open_server(server)
    try:
        try:
            _migrate(engine)
        except DatabaseError as error:
            if not sqlstate(error.orig):
                raise
            raise unusable(server, error.orig) from error
        yield engine
    finally:
        engine.dispose()
        hold.release()


def compact(engine: Engine) -> None:
    """Give back the room of what was deleted; SQLite's file shrinks and its write-ahead log is emptied.

    PostgreSQL's own files and log keep the (sealed) bytes until it writes over them: its administrator's to clear.
    """
    names = ", ".join(table.name for table in TABLES)
    _directly(engine, "sqlite", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")
    _directly(engine, "postgresql", f"VACUUM {names}")


def empty_log(engine: Engine) -> None:
    """Empty SQLite's write-ahead log, where pages lie as they were before a deletion (which itself writes zeros)."""
    _directly(engine, "sqlite", "PRAGMA wal_checkpoint(TRUNCATE)")


def _migrate(engine: Engine) -> None:
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")


def _directly(engine: Engine, dialect: str, *statements: str) -> None:
    """Outside transactions, on the database they are meant for."""
    if engine.dialect.name == dialect:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)


def _set_pragmas(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
