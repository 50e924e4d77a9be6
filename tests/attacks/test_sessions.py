"""Claim: a session is its holder's while it lasts; guesses are slow and tell nothing about who exists."""

import hashlib
import json
import time
from collections.abc import Callable
from datetime import timedelta
from statistics import median

import pytest
from sqlalchemy import Engine, insert, select, update

from security.directory import Directory
from security.errors import TooManyAttempts
from security.identity import Principal, Role
from security.keyring import Keyring
from security.passwords import Argon2Cost
from security.sealing import Context
from security.tables import sessions
from tests.postgresql import ON_BOTH_DATABASES

pytestmark = ON_BOTH_DATABASES

PASSWORD = "correct horse battery"
NEW_PASSWORD = "another horse battery"


@pytest.fixture
def ada(directory: Directory) -> Principal:
    return Principal(directory.add_user("Ada", PASSWORD, Role.EMPLOYEE), Role.EMPLOYEE)


@pytest.fixture
def boss(directory: Directory) -> Principal:
    return Principal(directory.add_user("Boss", PASSWORD, Role.ADMINISTRATOR), Role.ADMINISTRATOR)


def rows(engine: Engine) -> list[dict[str, object]]:
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(select(sessions))]


def put_back(engine: Engine, kept: list[dict[str, object]]) -> None:
    with engine.begin() as connection:
        connection.execute(insert(sessions), kept)


def test_a_disabled_user_is_out_at_once(directory: Directory, ada: Principal, engine: Engine) -> None:
    token = directory.open_session(ada)
    kept = rows(engine)
    directory.disable(ada.user_id)
    assert directory.session(token) is None
    put_back(engine, kept)
    assert directory.session(token) is None


def test_a_new_password_ends_every_session(directory: Directory, ada: Principal, engine: Engine) -> None:
    tokens = [directory.open_session(ada) for _ in range(3)]
    kept = rows(engine)
    directory.set_password(ada.user_id, NEW_PASSWORD)
    assert [directory.session(token) for token in tokens] == [None] * 3
    put_back(engine, kept)
    assert [directory.session(token) for token in tokens] == [None] * 3
    assert directory.session(directory.open_session(ada)) == ada


def test_a_session_row_made_by_hand_is_nobody(directory: Directory, boss: Principal, engine: Engine) -> None:
    token = "f" * 64
    ticket = json.dumps({"user_id": boss.user_id, "opened_at": 0, "credentials": 1}).encode()
    row = {"token_hash": hashlib.sha256(token.encode()).digest(), "user_id": boss.user_id, "seen_at": 2e9}
    put_back(engine, [dict(row, ticket=ticket)])
    assert directory.session(token) is None


def test_the_ticket_of_another_session_does_not_serve(
    directory: Directory, ada: Principal, boss: Principal, engine: Engine
) -> None:
    mine, theirs = directory.open_session(ada), directory.open_session(boss)
    stolen = next(row["ticket"] for row in rows(engine) if row["user_id"] == boss.user_id)
    with engine.begin() as connection:
        hashed = hashlib.sha256(mine.encode()).digest()
        connection.execute(update(sessions).where(sessions.c.token_hash == hashed).values(ticket=stolen))
    assert directory.session(mine) is None
    assert directory.session(theirs) == boss


def test_a_ticket_sealed_under_another_key_does_not_serve(
    directory: Directory, ada: Principal, engine: Engine, keyring: Keyring
) -> None:
    """A person's own key does not make tickets: only the system's does."""
    token = directory.open_session(ada)
    hashed = hashlib.sha256(token.encode()).digest()
    content = json.dumps({"user_id": ada.user_id, "opened_at": 0, "credentials": 1}).encode()
    forged = keyring.for_person(ada).seal(content, Context("sessions", hashed.hex(), "ticket"))
    with engine.begin() as connection:
        connection.execute(update(sessions).values(ticket=forged))
    assert directory.session(token) is None


def test_editing_the_last_seen_time_does_not_outlive_a_day(
    directory: Directory, ada: Principal, engine: Engine, advance: Callable[[timedelta], None]
) -> None:
    token = directory.open_session(ada)
    advance(timedelta(hours=24))
    with engine.begin() as connection:
        connection.execute(update(sessions).values(seen_at=4e9))
    assert directory.session(token) is None


@pytest.mark.parametrize("name", ["Ada", "Nobody"])
def test_guesses_are_slowed_whether_the_name_exists_or_not(directory: Directory, ada: Principal, name: str) -> None:
    assert ada
    for _ in range(5):
        assert directory.check_password(name, "a wrong guess") is None
    with pytest.raises(TooManyAttempts) as caught:
        directory.check_password(name, PASSWORD)
    assert str(caught.value) == "too many failed attempts; try again in 2 seconds"


def test_waiting_lets_the_right_person_in(
    directory: Directory, ada: Principal, advance: Callable[[timedelta], None]
) -> None:
    for _ in range(5):
        directory.check_password("Ada", "a wrong guess")
    advance(timedelta(seconds=2))
    assert directory.check_password("ada", PASSWORD) == ada


@pytest.mark.usefixtures("ada")
def test_an_unknown_name_takes_as_long_as_a_wrong_password(engine: Engine, keyring: Keyring) -> None:
    """Without the decoy hash an unknown name is a hundred times faster; a factor of two allows for a busy machine."""
    directory = Directory(engine, keyring, password_cost=Argon2Cost(4 * 1024, 2, 1))
    directory.add_user("Bob", PASSWORD, Role.EMPLOYEE)

    def seconds(name: str) -> float:
        before = time.process_time()
        directory.check_password(name, "a wrong guess")
        return time.process_time() - before

    taken = {name: [seconds(name) for _ in range(4)] for name in ("Bob", "Nobody")}
    ratio = median(taken["Nobody"]) / median(taken["Bob"])
    assert 0.5 < ratio < 2
