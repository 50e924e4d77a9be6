"""Claim: from nothing to a cited answer nothing leaves the machine; what a library tries is stopped and recorded."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.whole import TEST_SECONDS_MAX

pytestmark = [pytest.mark.model, pytest.mark.timeout(TEST_SECONDS_MAX)]
HERE = Path(__file__).parent
NO_NAMESPACES = (
    "this machine lets nobody but root make a network namespace, so this claim cannot be tried here: allow it with "
    "`sysctl kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0`, or run as root"
)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the walk saw in a network namespace of its own: loopback, no other interface, no route."""
    alone = ["unshare", "--map-root-user", "--net"]
    if subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        pytest.fail(NO_NAMESPACES)
    environment = {**os.environ, "PYTHONPATH": str(HERE / "talkative")}
    command = [*alone, sys.executable, str(HERE / "walk_offline.py"), str(tmp_path_factory.mktemp("offline"))]
    walked = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert walked.returncode == 0, walked.stderr[-3000:]
    found: dict[str, Any] = json.loads(walked.stdout.splitlines()[-1])
    return found


def test_the_whole_path_needs_no_network(seen: dict[str, Any]) -> None:
    assert "240" in seen["page"]
    assert "240" in seen["told"]


def test_nothing_even_tried_to_leave(seen: dict[str, Any]) -> None:
    """The kernel counts what has no route, native code included; a try of our own shows that it does."""
    assert seen["kernel_sees"] > 0
    assert seen["kernel"] == 0
    assert seen["guard"] == []


def test_a_library_that_reports_home_is_stopped_before_the_kernel_and_recorded(seen: dict[str, Any]) -> None:
    assert seen["kernel_after"] == 0
    assert [row[1:] for row in seen["guard_after"]] == [["egress", "192.0.2.1:80", "denied"]]
