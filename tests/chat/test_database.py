"""One moment of the database is read while others write, and nobody waits for it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, delete, func, insert, inspect, select

from chat.database import (
    MIGRATIONS,
    compact,
    empty_log,
    known_revisions,
    migrate,
    one_moment,
    open_database,
    revision_of,
)
from security.tables import users

WAITED_SECONDS_MAX = 5
"""A writer gives up after ten."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(tmp_path / "truth.db")
    add(engine, 0, 100)
    yield engine
    engine.dispose()


def add(engine: Engine, first: int, count: int) -> None:
    rows = [
        {"id": f"u{n}", "name_key": f"{n}".encode(), "profile": b"wombat" * 500} for n in range(first, first + count)
    ]
    with engine.begin() as connection:
        connection.execute(insert(users), rows)


def count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(users)).scalar_one()


def test_a_moment_stays_what_it_was_at_its_first_query(engine: Engine) -> None:
    with one_moment(engine) as moment:
        assert count(moment) == 100
        add(engine, 100, 5)
        with engine.connect() as connection:
            assert count(connection) == 105
        assert count(moment) == 100
    with one_moment(engine) as moment:
        assert count(moment) == 105


def test_nobody_waits_for_a_moment_and_the_log_is_empty_after_it(engine: Engine, tmp_path: Path) -> None:
    log, began = tmp_path / "truth.db-wal", time.monotonic()
    with one_moment(engine) as moment:
        assert count(moment) == 100
        with engine.begin() as connection:
            connection.execute(delete(users).where(users.c.id == "u1"))
        empty_log(engine)
        compact(engine)
        add(engine, 100, 5)
        assert log.stat().st_size > 0
    assert time.monotonic() - began < WAITED_SECONDS_MAX
    assert log.stat().st_size == 0


def test_a_new_database_is_at_a_known_revision(engine: Engine) -> None:
    assert revision_of(engine) == max(known_revisions())


def test_the_files_of_migrations_are_named_by_their_revisions_in_order() -> None:
    names = sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("*.py"))
    assert names == [f"v{revision}" for revision in sorted(known_revisions())]


def test_an_older_database_is_brought_to_the_newest_revision_and_a_current_one_left(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "old.db")
    with engine.begin() as connection:
        for table in ("evaluations", "questions", "reports", "group_grants", "memberships", "groups"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0008'")
    for _ in range(2):
        migrate(engine)
        assert revision_of(engine) == max(known_revisions())
        assert inspect(engine).has_table("memberships")
    engine.dispose()
