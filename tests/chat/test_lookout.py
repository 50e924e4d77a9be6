"""Who lists their conversations has them looked at now and then, and the log hears of it by id."""

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete

from chat.conversations import Conversations, ThreadId
from chat.logs import configure_logs
from chat.lookout import LOOK_SECONDS, Lookout
from chat.tables import steps
from security.identity import Principal, Role, UserId
from security.keyring import person_owner
from security.keystore import create_keyring
from security.slots import KeyFile

ADA = Principal(UserId("ada"), Role.EMPLOYEE)


@pytest.fixture
def log() -> Iterator[StringIO]:
    stream = StringIO()
    configure_logs(stream)
    yield stream
    configure_logs()


def test_rows_taken_out_are_told_to_the_log_at_the_next_look(database: Engine, tmp_path: Path, log: StringIO) -> None:
    keyring, now = create_keyring(tmp_path, KeyFile(tmp_path / "root.key")), [0.0]
    keyring.create(person_owner(ADA.user_id))
    held = Conversations(database, keyring)
    held.put_step(ADA, ThreadId("t"), "s", {"output": "about the wombat"})
    lookout = Lookout(held, lambda: now[0])
    lookout.look(ADA)
    with database.begin() as connection:
        connection.execute(delete(steps))
    for _ in range(3):
        lookout.look(ADA)
    assert log.getvalue() == ""  # looked at within the hour
    now[0] = LOOK_SECONDS
    lookout.look(ADA)
    lookout.look(ADA)
    (told,) = map(json.loads, log.getvalue().splitlines())
    assert (told["event"], told["person_id"]) == ("conversations_changed", "ada")
