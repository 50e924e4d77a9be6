import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a module in a process of its own, as a person does, with temporary folders below `tmp_path / "tmp"`."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary), "COLUMNS": "120"}

    def run_module(module: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", f"import {module.partition(':')[0]} as m; m.main()", *map(str, arguments)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=250)

    return run_module
