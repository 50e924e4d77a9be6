"""The demo collection is what its list of sources says, and all of it can be read."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from rag.folders import FoundFile, survey
from rag.parsing.sandbox import read_document

ROOT = Path(__file__).parents[2] / "data"
FILES = survey(ROOT / "demo").files


def test_every_file_has_its_origin_and_licence_and_nothing_else_is_listed() -> None:
    with (ROOT / "SOURCES.tsv").open(newline="") as listed:
        sources = list(csv.DictReader(listed, delimiter="\t"))
    assert {source["file"] for source in sources} == {file.doc for file in FILES}
    for source in sources:
        assert source["origin"]
        assert source["licence"]
        assert source["redistribution"].startswith("yes")


def test_it_is_in_two_languages_and_in_every_format_read() -> None:
    kinds = Counter((file.doc.split("/")[0], file.path.suffix) for file in FILES)
    assert {suffix for _, suffix in kinds} == {".pdf", ".docx", ".html", ".md", ".txt", ".csv"}
    assert kinds["fr", ".csv"] == kinds["en", ".csv"] == 1
    assert sum(kinds.values()) in range(28, 36)


@pytest.mark.parametrize(
    "file", [file for file in FILES if file.path.suffix in {".csv", ".pdf"}], ids=lambda file: file.doc
)
def test_its_tables_and_pages_are_read(file: FoundFile, tmp_path: Path) -> None:
    path = file.path
    read = read_document(path.name, path.read_bytes(), tmp_path).document
    assert sum(len(block.text) for block in read.blocks) > 500
    assert (read.pages is not None) == (path.suffix == ".pdf")
