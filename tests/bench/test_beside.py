"""The bench of a long load beside questions."""

import json
from pathlib import Path

import pytest

from bench.beside import TEXTS_A_FILE, Watched, write_files


def test_a_corpus_becomes_files_of_forty_texts(tmp_path: Path) -> None:
    corpus, folder = tmp_path / "corpus.jsonl", tmp_path / "files"
    folder.mkdir()
    lines = ({"title": f"Door {number}", "text": f"It is closed at {number}."} for number in range(100))
    corpus.write_text("\n".join(map(json.dumps, lines)))
    write_files(corpus, folder, TEXTS_A_FILE + 1)
    first, second = (path.read_text() for path in sorted(folder.iterdir()))
    assert first.startswith("# Door 0\n\nIt is closed at 0.\n\n# Door 1\n")
    assert second == f"# Door {TEXTS_A_FILE}\n\nIt is closed at {TEXTS_A_FILE}."


def test_a_load_that_slows_down_has_a_lower_rate_at_its_end() -> None:
    watched = Watched([(10.0, 100, 0.0), (20.0, 200, 0.0), (120.0, 400, 0.0)])
    assert watched.rate(1) == pytest.approx(10)
    assert watched.rate(9) == pytest.approx(2)
