"""The questions asked in one language of documents in the other are well formed, and about documents of the demo."""

import json
from pathlib import Path

from rag.answering.answer import Language
from rag.folders import survey
from rag.retrieval.words import spoken

ROOT = Path(__file__).parents[3]
ROWS = [json.loads(line) for line in (ROOT / "tests/data/cross_language.jsonl").read_text().splitlines()]


def test_each_is_asked_in_its_language_of_documents_in_the_other() -> None:
    other = {"en": "fr/", "fr": "en/"}
    assert [sum(row["lang"] == lang for row in ROWS) for lang in other] == [30, 30]
    for row in ROWS:
        assert row["gold"]
        assert all(doc.startswith(other[row["lang"]]) for doc in row["gold"])
        assert spoken(row["question"]) in {Language(row["lang"]), None}


def test_every_gold_document_is_in_the_demo() -> None:
    held = {file.doc for file in survey(ROOT / "data" / "demo").files}
    assert {doc for row in ROWS for doc in row["gold"]} <= held
    assert len({row["id"] for row in ROWS}) == len({row["question"] for row in ROWS}) == len(ROWS)
