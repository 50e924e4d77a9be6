"""Jobs over the command line: left to a server, held, killed with it, and done without one."""

import json
import signal
from pathlib import Path

import pytest

from tests.chat.admin.conftest import Huisclos


@pytest.fixture
def share(tmp_path: Path) -> Path:
    root = tmp_path / "share"
    root.mkdir()
    for number in range(5):
        (root / f"{number}.md").write_text(f"# Rule {number}\n\nDoor {number} is closed at night.\n")
    (root / "tool.bin").write_bytes(b"\x7fELF")
    return root


def test_a_load_is_left_to_the_server_and_followed(served: Huisclos, share: Path) -> None:
    name = share.parent.name
    served("collection", "create", name)
    (job,) = served.rows("collection", "load", name, str(share), "--detach", "--priority", "low")
    assert (job["collection"], job["kind"], job["target"], job["priority"]) == (name, "load", str(share), "low")
    served("job", "follow", job["job"])
    (shown,) = served.rows("job", "show", job["job"])
    assert (shown["state"], shown["done"], shown["total"], shown["at_hand"]) == ("done", 6, 6, {})
    assert shown["files"] == {"indexed": 5, "rejected": 1}
    assert served.rows("job", "list", name) == []
    assert [row["job"] for row in served.rows("job", "list", name, "--all")] == [job["job"]]
    (kept,) = served.rows("collection", "kept-out", name)
    assert (kept["doc"], kept["state"]) == ("tool.bin", "rejected")
    (retried,) = served.rows("job", "retry", job["job"])
    assert retried["state"] == "waiting"
    served("job", "follow", job["job"])
    code, _, error = served.ends("job", "pause", job["job"])
    assert (code, "ended already" in error) == (1, True)
    code, _, error = served.ends("job", "show", "nowhere")
    assert (code, "huisclos job list" in error) == (1, True)


def test_a_failed_job_says_why_and_ends_the_command_with_1(served: Huisclos, share: Path) -> None:
    name = share.parent.name
    served("collection", "create", name)
    served("collection", "load", name, str(share))
    for path in share.iterdir():
        path.unlink()
    code, _, error = served.ends("collection", "load", name, str(share))
    assert code == 1
    assert "mount its drive" in error
    failed = served.rows("job", "list", name, "--all")[-1]
    assert (failed["state"], "mount its drive" in failed["reason"]) == ("failed", True)


def test_without_a_server_a_job_waits_and_can_be_held(alone: Huisclos, share: Path) -> None:
    name = share.parent.name
    alone("collection", "create", name)
    (job,) = alone.rows("collection", "load", name, str(share), "--detach")
    assert (job["state"], job["before"]) == ("waiting", 0)
    code, _, error = alone.ends("job", "follow", job["job"])
    assert (code, "huisclos serve" in error) == (3, True)
    assert alone.rows("job", "pause", job["job"])[0]["state"] == "paused"
    assert alone.rows("job", "resume", job["job"])[0]["state"] == "waiting"
    assert alone.rows("job", "prioritise", job["job"], "high")[0]["priority"] == "high"
    assert "cancelled" in alone("job", "cancel", job["job"])


def test_a_load_that_was_killed_is_there_at_the_next_start_and_goes_on(tmp_path: Path, share: Path) -> None:
    huisclos = Huisclos(tmp_path / "state")
    huisclos("init")
    huisclos("collection", "create", "doors")
    load = huisclos.start("collection", "load", "doors", str(share), "--json")
    assert load.stdout
    first = json.loads(load.stdout.readline())["doc"]
    load.send_signal(signal.SIGKILL)
    load.communicate(timeout=60)
    (left,) = huisclos.rows("job", "list")
    assert (left["state"], left["target"]) == ("waiting", str(share))
    states = {row["doc"]: row["state"] for row in huisclos.rows("collection", "load", "doors", str(share))}
    assert (len(states), states[first]) == (6, "unchanged")
    assert huisclos.rows("job", "list") == []
    (done,) = huisclos.rows("job", "list", "--all")
    assert (done["job"], done["state"]) == (left["job"], "done")
