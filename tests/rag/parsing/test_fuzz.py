"""What fuzzing once found stays fixed, and fuzzing itself finds what it should."""

import contextlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rag.errors import DocumentEmpty, DocumentRejected, PagesScanned
from rag.parsing import child
from rag.parsing.filetypes import MediaType
from rag.parsing.sandbox import read_document
from tests.fuzz.seeds import FOUND, SUFFIXES, seeds

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted(FOUND.iterdir())
HAS_ATHERIS = importlib.util.find_spec("atheris") is not None
"""It comes for Linux on x86-64 alone."""


def suffix(path: Path) -> str:
    return SUFFIXES.get(MediaType[path.name.partition("-")[0].upper()], "")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_was_found_is_read_or_refused(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with contextlib.suppress(DocumentRejected, DocumentEmpty, PagesScanned):
        assert child._parse(path.read_bytes(), {"suffix": suffix(path)})["media_type"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_was_found_raises_nothing_else_in_the_parent(path: Path, tmp_path: Path) -> None:
    with contextlib.suppress(DocumentRejected, DocumentEmpty):
        assert read_document(f"file{suffix(path)}", path.read_bytes(), tmp_path).document.blocks


@pytest.mark.parametrize("kind", list(MediaType))
def test_fuzzing_has_something_to_begin_with_for_each_format(kind: MediaType) -> None:
    assert seeds(kind)


@pytest.mark.skipif(not HAS_ATHERIS, reason="atheris has no wheel for this machine")
def test_a_short_run_tries_inputs_and_tells_what_it_found(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz", "csv", "--seconds", "10", "--findings", str(tmp_path / "found")]
    ended = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "findings: 0"), ended.stdout + ended.stderr
    tried = int(ended.stdout.split()[1])
    assert tried > 10
