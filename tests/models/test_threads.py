"""Threads of llama.cpp that wait for each other sleep soon: OpenMP reads how soon when it is loaded, and says so."""

import os
import subprocess
import sys

import pytest

from models import SPINS


@pytest.mark.parametrize(("said", "expected"), [({}, SPINS), ({"GOMP_SPINCOUNT": "5"}, "5")])
def test_openmp_takes_what_is_set_for_it_unless_the_environment_says_another(
    said: dict[str, str], expected: str
) -> None:
    known = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    ran = subprocess.run(
        [sys.executable, "-c", "import models.llama"],
        env=known | said | {"OMP_DISPLAY_ENV": "verbose"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"GOMP_SPINCOUNT = '{expected}'" in ran.stderr
