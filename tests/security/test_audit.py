import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from security.audit import AuditLog, AuditReport
from security.clock import Clock
from security.errors import AuditBroken
from security.identity import OPERATOR, UserId
from security.keyring import Keyring
from security.keystore import open_keyring
from security.slots import KeyFile
from security.tables import audit, audit_head
from tests.postgresql import ON_BOTH_DATABASES

pytestmark = ON_BOTH_DATABASES


def test_an_empty_log_is_whole(audit_log: AuditLog) -> None:
    assert audit_log.verify() == AuditReport(0, None)


def test_entries_are_kept_in_order_with_their_time(audit_log: AuditLog, engine: Engine) -> None:
    audit_log.record(OPERATOR.user_id, "collection.create", "c1", "done")
    audit_log.record(UserId("ada"), "search", "c1", "denied")
    assert audit_log.verify() == AuditReport(2, None)
    with engine.connect() as connection:
        rows = connection.execute(select(audit).order_by(audit.c.seq)).all()
    assert [tuple(row)[:6] for row in rows] == [
        (1, "2026-01-05T09:00:00.000000+00:00", "operator", "collection.create", "c1", "done"),
        (2, "2026-01-05T09:00:00.000000+00:00", "ada", "search", "c1", "denied"),
    ]


def test_a_log_goes_on_after_a_restart(
    audit_log: AuditLog, engine: Engine, tmp_path: Path, key_file: KeyFile, clock: Clock
) -> None:
    audit_log.record(OPERATOR.user_id, "start", "", "done")
    again = AuditLog(engine, open_keyring(tmp_path, key_file), clock)
    again.record(OPERATOR.user_id, "start", "", "done")
    assert again.verify() == AuditReport(2, None)


def test_it_tells_how_an_action_ended_last_on_each_thing(
    audit_log: AuditLog, advance: Callable[[timedelta], None]
) -> None:
    for thing, outcome in (("b1", "begun"), ("b2", "begun"), ("b1", "done"), ("b3", "stopped")):
        audit_log.record(OPERATOR.user_id, "backup", thing, outcome)
        advance(timedelta(hours=1))
    audit_log.record(OPERATOR.user_id, "restore", "b2", "done")
    ends = {thing: (ended.seq, ended.at.hour, ended.outcome) for thing, ended in audit_log.ends("backup").items()}
    assert ends == {"b1": (3, 11, "done"), "b2": (2, 10, "begun"), "b3": (4, 12, "stopped")}


@pytest.mark.parametrize("text", ["what is the salary of Ada?", "salaire élevé", "two\nlines", "x" * 201])
def test_a_text_does_not_enter_the_log(audit_log: AuditLog, text: str) -> None:
    with pytest.raises(AuditBroken, match="audit object_id: expected an id") as caught:
        audit_log.record(OPERATOR.user_id, "search", text, "done")
    assert text not in str(caught.value)
    assert audit_log.verify() == AuditReport(0, None)


def test_a_log_that_cannot_be_written_raises(audit_log: AuditLog, engine: Engine) -> None:
    audit_log.record(OPERATOR.user_id, "start", "", "done")
    audit.drop(engine)
    with pytest.raises(AuditBroken, match="cannot be written"):
        audit_log.record(OPERATOR.user_id, "start", "", "done")
    with engine.connect() as connection:
        assert connection.execute(select(audit_head)).one()


def together(*acts: Callable[[], object]) -> None:
    threads = [threading.Thread(target=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_logs_over_one_database_make_one_chain(engine: Engine, keyring: Keyring) -> None:
    """Each has a turn of its own: what holds them in order is the database."""
    first = AuditLog(engine, keyring)
    first.record(OPERATOR.user_id, "start", "", "done")

    def record_some() -> None:
        log = AuditLog(engine, keyring)
        for _ in range(10):
            log.record(OPERATOR.user_id, "search", "c1", "done")

    together(*[record_some] * 4)
    assert first.verify() == AuditReport(41, None)


def test_a_log_that_is_written_to_meanwhile_is_verified_as_whole(audit_log: AuditLog) -> None:
    audit_log.record(OPERATOR.user_id, "start", "", "done")
    found: list[AuditReport] = []
    is_over = threading.Event()

    def verify_some() -> None:
        while not is_over.is_set():
            found.append(audit_log.verify())

    def record_some() -> None:
        for _ in range(100):
            audit_log.record(OPERATOR.user_id, "search", "c1", "done")
        is_over.set()

    together(record_some, verify_some)
    assert found
    assert [report for report in found if report.broken_at is not None] == []


def test_threads_recording_at_once_make_one_chain(engine: Engine, keyring: Keyring) -> None:
    log = AuditLog(engine, keyring)

    def record_some() -> None:
        for _ in range(5):
            log.record(OPERATOR.user_id, "search", "c1", "done")

    threads = [threading.Thread(target=record_some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.verify() == AuditReport(20, None)
