"""A search sees the granted collections, both ways of looking, and what the conversation asked before."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from rag.facets import DocumentType
from rag.personal.masking import masked
from rag.personal.policy import Policy
from rag.retrieval.filters import Filter
from rag.retrieval.search import Searcher
from rag.retrieval.stages import ALL_STAGES, RETRIEVERS, Stage

TEXTS = {
    "leave.md": "# Leave\n\nYou can carry over a maximum of 240 annual leave hours to the next year.\n",
    "travel.md": "# Travel\n\nTravel costs are paid back within 30 days of the trip. Hotels need approval.\n",
    "castle.md": "# Castle\n\nThe northern castle was built in 1192 by the river.\n",
}


@pytest.fixture
def searcher(shelf: Any, tmp_path: Path) -> Searcher:
    folder = tmp_path / "documents"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    shelf.load(folder)
    return Searcher(shelf.documents, shelf.index, shelf.embedder)


def test_the_passage_that_answers_is_first_with_its_signals(searcher: Searcher, shelf: Any) -> None:
    best = searcher.search([shelf.reading], "When was the northern castle built?").passages[0]
    assert best.passage.document.path == "castle.md"
    assert best.dense is not None
    assert best.lexical is not None
    assert best.dense > 0
    assert best.lexical > 0


def test_documents_are_ranked_each_once_by_their_best_passage(searcher: Searcher, shelf: Any) -> None:
    ranked = searcher.search([shelf.reading], "annual leave hours").ranked_documents
    assert ranked[0].path == "leave.md"
    assert len({info.id for info in ranked}) == len(ranked)


def test_nobody_finds_anything_without_a_grant(searcher: Searcher) -> None:
    assert searcher.search([], "castle").passages == ()


def test_a_question_without_a_word_finds_nothing(searcher: Searcher, shelf: Any) -> None:
    assert searcher.search([shelf.reading], " \n").passages == ()


def test_no_more_passages_are_opened_than_asked_for(searcher: Searcher, shelf: Any) -> None:
    assert len(searcher.search([shelf.reading], "castle leave travel", k=2).passages) == 2


def test_a_follow_up_finds_the_subject_of_the_question_before(searcher: Searcher, shelf: Any) -> None:
    earlier = "When was the northern castle built?"
    alone = searcher.search([shelf.reading], "and who approved the hotels?")
    together = searcher.search([shelf.reading], "by whom?", earlier=earlier)
    assert alone.passages[0].passage.document.path == "travel.md"
    assert together.passages[0].passage.document.path == "castle.md"


def test_a_new_subject_is_not_drowned_by_the_conversation(searcher: Searcher, shelf: Any) -> None:
    earlier = "When was the northern castle built?"
    found = searcher.search([shelf.reading], "How soon are travel costs paid back?", earlier=earlier)
    assert found.passages[0].passage.document.path == "travel.md"


def test_a_search_is_narrowed_to_what_passes(searcher: Searcher, shelf: Any) -> None:
    asked = "When was the northern castle built?"
    for within, is_in in (
        (Filter(types=frozenset({DocumentType.TEXT})), True),
        (Filter(types=frozenset({DocumentType.PDF})), False),
        (Filter(after=date(2001, 1, 1)), True),
        (Filter(before=date(2001, 1, 1)), False),
    ):
        found = searcher.search([shelf.reading], asked, within=within)
        assert [item.passage.document.path for item in found.passages][:1] == ["castle.md"] * is_in
        assert len(found.passages) == (len(TEXTS) if is_in else 0)


def test_to_readers_of_a_masked_collection_a_folder_has_its_masked_name(
    searcher: Searcher, shelf: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "documents" / "jean.dupont@example.org"
    folder.mkdir()
    (folder / "moat.md").write_text("The moat of the castle is deep.")
    shelf.load(tmp_path / "documents")
    own, shown = (Filter(folders=(name,)) for name in ("jean.dupont@example.org", masked("jean.dupont@example.org")))
    assert len(searcher.search([shelf.reading], "castle", within=own).passages) == 1
    shelf.documents.decide(shelf.managing, Policy.MASK)
    asked = {within: searcher.search([shelf.reading], "castle", within=within).passages for within in (own, shown)}
    assert [item.passage.document.path for item in asked[own]] == [item.passage.document.path for item in asked[shown]]
    guess = Filter(folders=("anna.dupont@example.org",))
    assert searcher.search([shelf.reading], "castle", within=guess).passages == asked[own]


def test_a_retriever_that_is_off_is_not_asked(searcher: Searcher, shelf: Any) -> None:
    question = "When was the northern castle built?"
    for off, signal in ((Stage.DENSE, "dense"), (Stage.LEXICAL, "lexical")):
        alone = Searcher(shelf.documents, shelf.index, shelf.embedder, ALL_STAGES.without(off))
        best = alone.search([shelf.reading], question).passages[0]
        assert best.passage.document.path == "castle.md"
        assert getattr(best, signal) is None


def test_without_fusion_and_reranking_the_retrievers_take_turns(shelf: Any, searcher: Searcher) -> None:
    plain = Searcher(shelf.documents, shelf.index, shelf.embedder, ALL_STAGES.only(*RETRIEVERS))
    found = plain.search([shelf.reading], "annual leave hours").passages
    assert [item.score for item in found] == [1 / place for place in range(1, len(found) + 1)]
    assert found[0].passage.document.path == "leave.md"


def test_stages_of_reading_change_nothing_in_what_is_ranked(searcher: Searcher, shelf: Any) -> None:
    ranked = Searcher(
        shelf.documents, shelf.index, shelf.embedder, ALL_STAGES.without(Stage.COLLAPSE, Stage.NEIGHBOURS)
    )
    question = "castle leave travel"
    assert ranked.search([shelf.reading], question) == searcher.search([shelf.reading], question)
