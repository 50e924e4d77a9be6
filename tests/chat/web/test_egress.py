"""What the guard stopped comes into the record once, and is not lost when the record cannot be written for a while."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import create_engine, select

from chat.web.egress import DenialRecorder
from security.audit import AuditLog
from security.directory import metadata
from security.egress import EgressGuard
from security.errors import EgressDenied
from security.keystore import create_keyring
from security.slots import KeyFile
from security.tables import audit


def test_each_attempt_is_recorded_once_even_when_the_first_writing_failed(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/house.db")
    log = AuditLog(engine, create_keyring(tmp_path, KeyFile(tmp_path / "root.key")))
    house: Any = SimpleNamespace(audit=log)
    guard = EgressGuard()
    recorder = DenialRecorder(house, guard)
    for host in ("192.0.2.1", "192.0.2.2"):
        with pytest.raises(EgressDenied):
            guard.check_connection(host, 443)
    recorder.write()  # there are no tables yet: nothing is written, nothing is lost
    metadata.create_all(engine)
    recorder.write()
    recorder.write()
    with engine.connect() as connection:
        rows = connection.execute(select(audit.c.object_id).order_by(audit.c.seq)).scalars().all()
    engine.dispose()
    assert rows == ["192.0.2.1:443", "192.0.2.2:443"]
