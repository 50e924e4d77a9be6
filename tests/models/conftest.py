"""What the tests of weights share."""

from pathlib import Path

import pytest

from tests.models.small import write_gguf


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_gguf(tmp_path / "tiny-q4.gguf")
