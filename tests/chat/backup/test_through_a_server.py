"""A backup through the socket of a running server: steps run in whatever thread is free, and end with the client."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import uvicorn

from chat.admin.gateway import SOCKET, Operate, remote
from chat.admin.outcomes import ExitCode, RemoteFailure
from chat.admin.socket import create_admin_app
from chat.assembly import House
from chat.backup.taking import HELD
from rag.documents import ParsedDocument
from rag.store.values import NewDocument
from tests.chat.backup.conftest import everything, manage, opened, record, restore, with_keyring

SECONDS_MAX = 30


@pytest.fixture
def operate(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operate]:
    """The operations of a house with some megabytes of originals, which tell every step."""
    monkeypatch.setattr("chat.admin.backup_operations.PROGRESS_SECONDS", 0)
    grant, vectors = manage(house, "empty"), np.empty((0, 0), np.float32)
    for number in range(20):
        content = os.urandom(1_000_000)
        house.documents.put(
            grant, NewDocument("/s", f"{number}", "text/plain", content, ParsedDocument("T", None, ()), (), vectors)
        )
    path = house.memory_dir / SOCKET
    server = uvicorn.Server(
        uvicorn.Config(create_admin_app(house), uds=str(path), log_level="critical", loop="asyncio")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    with remote(path) as operate:
        yield operate
    server.should_exit = True
    thread.join()


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS_MAX
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_it_is_made_and_checked_as_without_a_server(house: House, operate: Operate, tmp_path: Path) -> None:
    out = tmp_path / "backup"
    *steps, made = operate("backup", file=str(out))
    assert len(steps) > 300
    assert [step["done"] for step in steps] == sorted(step["done"] for step in steps)
    assert list(operate("backup.verify", file=str(out)))[-1] == made
    before, state = everything(house), with_keyring(house, tmp_path / "new")
    restore(state, out)
    with opened(state) as again:
        assert everything(again) == before


def test_it_ends_when_the_client_goes_away_and_leaves_nothing(house: House, operate: Operate, tmp_path: Path) -> None:
    steps = operate("backup", file=str(tmp_path / "backup"))
    for _ in range(5):
        assert "doing" in next(steps)
    steps.close()  # type: ignore[attr-defined]  # it is a generator
    wait_until(lambda: record(house)[-1][3:6:2] == ("backup", "stopped"))
    assert not (house.state / HELD).exists()
    assert {path.name for path in tmp_path.iterdir()} == {"state", "documents"}
    assert "id" in list(operate("backup", file=str(tmp_path / "backup")))[-1]


def test_what_goes_wrong_is_told_to_the_client(operate: Operate, tmp_path: Path) -> None:
    with pytest.raises(RemoteFailure, match=r"none/backup\.partial: No such file") as told:
        list(operate("backup", file=str(tmp_path / "none" / "backup")))
    assert told.value.failure.code is ExitCode.FAILED
    (tmp_path / "thesis.odt").write_text("years of work")
    with pytest.raises(RemoteFailure, match=r"thesis\.odt is not a backup"):
        list(operate("backup.verify", file=str(tmp_path / "thesis.odt")))
