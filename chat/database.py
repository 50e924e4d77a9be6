"""The truth's database: an engine set for safety, brought up to date by migrations."""

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry

_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",
    "temp_store=MEMORY",
    "foreign_keys=ON",
    "busy_timeout=10000",
)
MIGRATIONS = Path(__file__).parent / "migrations"


def open_database(path: Path) -> Engine:
    """Open (or make) the SQLite database at `path` and run the migrations it lacks."""
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _set_pragmas)
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")
    return engine


def compact(engine: Engine) -> None:
    """Give back the room of what was deleted, and empty the write-ahead log."""
    _directly(engine, "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")


def empty_log(engine: Engine) -> None:
    """Empty the write-ahead log, where pages lie as they were before a deletion (which itself writes zeros)."""
    _directly(engine, "PRAGMA wal_checkpoint(TRUNCATE)")


def _directly(engine: Engine, *statements: str) -> None:
    """Outside transactions, and for SQLite alone: PostgreSQL's own vacuum is its administrator's."""
    if engine.dialect.name == "sqlite":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)


def _set_pragmas(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
