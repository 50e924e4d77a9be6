"""What the scale bench fills a house with, and what it draws."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from bench.measure import Row
from bench.passages import Text, documents_of, read_texts
from bench.plot import Panel, plot
from bench.scale import panels

LINE = '{"doc": "a/guide.md", "title": "Part", "text": "Some words."}\n'


def test_lines_that_follow_each_other_in_a_document_are_its_passages(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text(LINE * 2 + LINE.replace("guide", "other"))
    texts = read_texts(corpus, 10)
    vectors = np.eye(3, 4, dtype=np.float32)
    documents = list(documents_of(texts, vectors, first=5))
    assert [document.path for document in documents] == ["7/a/guide.md", "8/a/other.md"]
    assert [len(document.chunks) for document in documents] == [2, 1]
    assert [document.vectors.tolist() for document in documents] == [vectors[:2].tolist(), vectors[2:].tolist()]
    assert [chunk.ordinal for chunk in documents[0].chunks] == [0, 1]


def test_what_is_embedded_holds_title_heading_and_text() -> None:
    whole = Text("a/guide.md", "Part", "Some words.").whole
    assert all(part in whole for part in ("guide", "Part", "Some words."))


def test_a_kind_of_row_is_a_panel_and_the_picture_is_well_formed() -> None:
    rows = [Row(f"{size:,} passages: {kind}", "ms", size / 1000, 2.0, 1) for size in (1000, 10_000) for kind in "ab"]
    found = panels(rows)
    assert [(panel.title, panel.points) for panel in found] == [
        (kind, [(1000, 1.0, 2.0), (10_000, 10.0, 2.0)]) for kind in "ab"
    ]
    picture = ElementTree.fromstring(plot("Growth <of> it", [*found, Panel("one & only", "", [(1000, 1.0, 0.0)])]))
    assert len(picture.findall("{*}g")) == 3
    assert len(picture.findall(".//{*}polyline")) == 6
