from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select

from security.directory import Directory
from security.identity import Principal, Role
from security.sessions import AGE_MAX, IDLE_MAX, TOKEN_BYTES
from security.tables import sessions
from tests.postgresql import ON_BOTH_DATABASES

pytestmark = ON_BOTH_DATABASES

PASSWORD = "correct horse battery"


@pytest.fixture
def ada(directory: Directory) -> Principal:
    return Principal(directory.add_user("Ada", PASSWORD, Role.EMPLOYEE), Role.EMPLOYEE)


def test_a_token_gives_back_its_principal_until_it_is_ended(directory: Directory, ada: Principal) -> None:
    one, other = directory.open_session(ada), directory.open_session(ada)
    assert len(one) == 2 * TOKEN_BYTES
    assert directory.session(one) == directory.session(other) == ada
    directory.end_session(one)
    directory.end_session(one)
    assert directory.session(one) is None
    assert directory.session(other) == ada
    directory.end_sessions(ada.user_id)
    assert directory.session(other) is None


def test_a_session_sleeps_in_after_eight_hours(
    directory: Directory, ada: Principal, advance: Callable[[timedelta], None]
) -> None:
    token = directory.open_session(ada)
    advance(IDLE_MAX - timedelta(seconds=1))
    assert directory.session(token) == ada
    advance(IDLE_MAX - timedelta(seconds=1))
    assert directory.session(token) == ada
    advance(IDLE_MAX)
    assert directory.session(token) is None


def test_a_session_in_use_ends_after_a_day(
    directory: Directory, ada: Principal, advance: Callable[[timedelta], None]
) -> None:
    token = directory.open_session(ada)
    for _ in range(23):
        advance(timedelta(hours=1))
        assert directory.session(token) == ada
    advance(AGE_MAX - timedelta(hours=23))
    assert directory.session(token) is None


def test_expired_sessions_are_swept_when_another_opens(
    directory: Directory, ada: Principal, advance: Callable[[timedelta], None], engine: Engine
) -> None:
    directory.open_session(ada)
    advance(AGE_MAX)
    directory.open_session(ada)
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(sessions)).scalar_one() == 1


@pytest.mark.parametrize("token", ["", "x", "é" * 64, "0" * 64, "0" * 10_000])
def test_what_is_no_token_is_nobody(directory: Directory, token: str) -> None:
    assert directory.session(token) is None


def test_no_token_is_kept(directory: Directory, ada: Principal, engine: Engine) -> None:
    token = directory.open_session(ada)
    with engine.connect() as connection:
        row = connection.execute(select(sessions)).one()
    assert token.encode() not in b"".join((row.token_hash, row.ticket, row.user_id.encode()))
    assert bytes.fromhex(token) not in row.token_hash + row.ticket
