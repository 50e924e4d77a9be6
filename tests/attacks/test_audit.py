"""Claim: an audit entry that was edited, inserted, exchanged or deleted is seen, from the end of the log too."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, Engine, delete, insert, select, update

from security.audit import AuditLog, AuditReport
from security.errors import AuditBroken, OlderState
from security.identity import UserId
from security.keyring import Keyring
from security.tables import audit, audit_head
from tests.postgresql import ON_BOTH_DATABASES

pytestmark = ON_BOTH_DATABASES

Attack = Callable[[Connection], object]


@pytest.fixture
def log(audit_log: AuditLog) -> AuditLog:
    for number in range(5):
        audit_log.record(UserId("ada"), "search", f"c{number}", "done")
    assert audit_log.verify() == AuditReport(5, None)
    return audit_log


def exchange(connection: Connection) -> None:
    """Two rows trade places, macs and all."""
    connection.execute(update(audit).where(audit.c.seq == 2).values(seq=99))
    connection.execute(update(audit).where(audit.c.seq == 3).values(seq=2))
    connection.execute(update(audit).where(audit.c.seq == 99).values(seq=3))


def insert_copy(connection: Connection) -> None:
    row = connection.execute(select(audit).where(audit.c.seq == 5)).one()
    connection.execute(insert(audit).values(dict(row._mapping, seq=6)))


@pytest.mark.parametrize(
    ("attack", "broken_at"),
    [
        (lambda c: c.execute(update(audit).where(audit.c.seq == 3).values(actor="bob")), 3),
        (lambda c: c.execute(update(audit).where(audit.c.seq == 3).values(at="2025-01-01")), 3),
        (lambda c: c.execute(update(audit).where(audit.c.seq == 3).values(action="delete")), 3),
        (lambda c: c.execute(update(audit).where(audit.c.seq == 3).values(object_id="c9")), 3),
        (lambda c: c.execute(update(audit).where(audit.c.seq == 3).values(outcome="denied")), 3),
        (lambda c: c.execute(update(audit).where(audit.c.seq == 3).values(mac=bytes(32))), 3),
        (lambda c: c.execute(delete(audit).where(audit.c.seq == 1)), 1),
        (lambda c: c.execute(delete(audit).where(audit.c.seq == 3)), 3),
        (lambda c: c.execute(delete(audit).where(audit.c.seq == 5)), 5),
        (lambda c: c.execute(delete(audit)), 1),
        (exchange, 2),
        (insert_copy, 6),
        (lambda c: c.execute(delete(audit_head)), 6),
        (lambda c: c.execute(update(audit_head).values(sealed=b"\x01" * 40)), 6),
    ],
    ids=[
        "actor edited",
        "time edited",
        "action edited",
        "object edited",
        "outcome edited",
        "mac edited",
        "first deleted",
        "middle deleted",
        "last deleted",
        "all deleted",
        "two exchanged",
        "copy appended",
        "head deleted",
        "head edited",
    ],
)
def test_an_attack_on_the_rows_is_seen_where_it_happened(
    log: AuditLog, engine: Engine, attack: Attack, broken_at: int
) -> None:
    with engine.begin() as connection:
        attack(connection)
    assert log.verify() == AuditReport(broken_at - 1, broken_at)


def test_a_log_emptied_with_its_head_is_not_taken_for_a_new_one(log: AuditLog, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(delete(audit))
        connection.execute(delete(audit_head))
    assert log.verify() == AuditReport(0, 1)
    with pytest.raises(AuditBroken, match="head of the audit log was removed"):
        log.record(UserId("ada"), "search", "c1", "done")


def test_entries_appended_after_a_cut_do_not_hide_it(log: AuditLog, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(delete(audit).where(audit.c.seq >= 4))
    log.record(UserId("ada"), "search", "c1", "done")
    assert log.verify() == AuditReport(3, 4)


def test_an_older_head_put_back_does_not_hide_a_cut_made_before_it(log: AuditLog, engine: Engine) -> None:
    with engine.begin() as connection:
        head = connection.execute(select(audit_head.c.sealed)).scalar_one()
    log.record(UserId("ada"), "search", "c5", "done")
    with engine.begin() as connection:
        connection.execute(update(audit_head).values(sealed=head))
    assert log.verify() == AuditReport(6, 7)


def test_a_log_set_back_takes_no_further_entry(log: AuditLog, engine: Engine) -> None:
    with engine.begin() as connection:
        head = connection.execute(select(audit_head.c.sealed)).scalar_one()
    log.record(UserId("ada"), "search", "c5", "done")
    with engine.begin() as connection:
        connection.execute(delete(audit).where(audit.c.seq == 6))
        connection.execute(update(audit_head).values(sealed=head))
    assert log.verify() == AuditReport(5, 6)
    with pytest.raises(OlderState, match=r"audit is of epoch 5, but 6 was written down.*huisclos repair --older"):
        log.record(UserId("ada"), "search", "c1", "done")


def test_an_entry_of_another_history_does_not_fit_into_this_one(
    log: AuditLog, engine: Engine, keyring: Keyring
) -> None:
    """Row 6 was truly written once, before the database was set back; it is not what stood before the present row 7."""
    with engine.begin() as connection:
        head = connection.execute(select(audit_head.c.sealed)).scalar_one()
    log.record(UserId("ada"), "search", "innocent", "done")
    with engine.begin() as connection:
        innocent = connection.execute(select(audit).where(audit.c.seq == 6)).one()
        connection.execute(delete(audit).where(audit.c.seq == 6))
        connection.execute(update(audit_head).values(sealed=head))
    keyring.epochs.accept({})
    log.record(UserId("ada"), "collection.remove", "c1", "done")
    log.record(UserId("ada"), "search", "c1", "done")
    with engine.begin() as connection:
        connection.execute(update(audit).where(audit.c.seq == 6).values(dict(innocent._mapping)))
    assert log.verify() == AuditReport(6, 7)
