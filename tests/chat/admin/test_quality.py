"""What owners do with reports and questions, and what a run tells them; words are embedded in the small, no weights."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chat.admin.ablation import VARIANTS
from chat.admin.commands.evaluation import _show_changes, _show_metrics
from chat.admin.registry import OPERATIONS
from chat.assembly import House
from chat.errors import GoldWrong, Refused
from chat.opening import initialise, open_house
from chat.settings import Answering, Index, Settings
from models.errors import EngineAway
from rag.answering.answerer import Answerer
from rag.errors import AnswerUnwritten, QuestionUnknown, ReportUnknown
from rag.store.reports import Report, ReportedPassage
from security.access import Right
from security.audit import AuditLog
from security.identity import OPERATOR, Role
from security.tables import audit
from tests.rag.answering.test_answerer import Failing, Scribe
from tests.rag.conftest import WordEmbedder

PASSWORD = "correct horse battery"
TEXTS = {
    "wombat.md": "# Wombats\n\nThe wombat digs a burrow under the hill.\n",
    "quokka.md": "# Quokkas\n\nThe quokka lives on an island near Perth.\n",
}


@pytest.fixture
def house(process_as_it_was: None, tmp_path: Path) -> Iterator[House]:
    """Animals, of which Ada is an owner and which Bob reads; plants, of which nobody but the operator is."""
    folder = tmp_path / "animals"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    initialise(tmp_path / "state", Settings())
    with open_house(tmp_path / "state", Settings()) as made:
        made.__dict__["embedder"] = WordEmbedder()  # where cached_property keeps what it made
        for name in ("animals", "plants"):
            run(made, "collection.create", name=name)
        run(made, "collection.load", name="animals", path=str(folder))
        for name in ("ada", "bob"):
            made.directory.add_user(name, PASSWORD, Role.EMPLOYEE)
        run(made, "collection.grant", name="animals", user="ada", is_owner=True)
        run(made, "collection.grant", name="animals", user="bob")
        yield made


def run(house: House, operation: str, /, **arguments: Any) -> list[dict[str, Any]]:
    """The events of an operation, as JSON gives them back."""
    found: list[dict[str, Any]] = json.loads(json.dumps(list(OPERATIONS[operation](house, **arguments))))
    return found


def send(house: House, **said: Any) -> str:
    """What Bob sends; gives the report's id."""
    bob, record = house.directory.find_user("bob"), house.collections.find("animals")
    assert bob
    assert record
    passage = ReportedPassage("d", "wombat.md", "Wombats", None, "The wombat digs a burrow.", ("a burrow",))
    report = Report(False, "It is deep.", "What does the wombat dig?", "A burrow.", "", "scribe", (passage,))
    grant = house.policy.grant(bob.principal, record.id, Right.READ)
    return house.documents.quality.reports.send(grant, bob.id, "message", replace(report, **said))


def test_an_owner_sees_what_was_sent_and_drops_it(house: House) -> None:
    identifier = send(house)
    (listed,) = run(house, "feedback.list", name="animals", user="ada")
    assert (listed["report"], listed["helpful"], listed["comment"]) == (identifier, False, "It is deep.")
    (shown,) = run(house, "feedback.show", name="animals", report=identifier, user="ada")
    assert shown["answer"] == "A burrow."
    assert [(each["doc"], each["quotes"]) for each in shown["passages"]] == [("wombat.md", ["a burrow"])]
    run(house, "feedback.drop", name="animals", report=identifier, user="ada")
    assert run(house, "feedback.list", name="animals") == []
    with pytest.raises(ReportUnknown):
        run(house, "feedback.show", name="animals", report=identifier)


@pytest.mark.parametrize(
    "asked",
    [
        ("feedback.list", {}),
        ("feedback.show", {"report": "x"}),
        ("feedback.drop", {"report": "x"}),
        ("question.add", {"text": "Why?", "is_unanswerable": True}),
        ("question.list", {}),
        ("question.drop", {"question": "x"}),
        ("eval", {}),
        ("eval.answers", {}),
        ("eval.ablate", {}),
    ],
    ids=lambda asked: asked[0],
)
def test_who_only_reads_and_who_owns_another_collection_are_refused_alike(
    house: House, asked: tuple[str, dict[str, Any]]
) -> None:
    operation, arguments = asked
    told = set()
    for user, name in (("bob", "animals"), ("ada", "plants"), ("ada", "nothing of that name")):
        with pytest.raises(Refused) as refused:
            run(house, operation, name=name, user=user, **arguments)
        told.add(str(refused.value))
    assert len(told) == 1


def test_an_owner_is_one_until_it_is_taken_and_reads_on(house: House) -> None:
    assert run(house, "collection.revoke", name="animals", user="ada", is_owner=True)
    with pytest.raises(Refused):
        run(house, "feedback.list", name="animals", user="ada")
    assert run(house, "search", collection="animals", question="wombat", user="ada")
    run(house, "collection.grant", name="animals", user="ada", is_owner=True)
    run(house, "collection.revoke", name="animals", user="ada")
    with pytest.raises(Refused):
        run(house, "feedback.list", name="animals", user="ada")
    with pytest.raises(Refused):
        run(house, "search", collection="animals", question="wombat", user="ada")


def test_a_group_is_no_owner(house: House) -> None:
    run(house, "group.add", name="keepers")
    for operation in ("collection.grant", "collection.revoke"):
        with pytest.raises(Refused, match="owners are people"):
            run(house, operation, name="animals", group="keepers", is_owner=True)


def test_the_record_tells_who_owns_who_looked_and_who_measured(house: House) -> None:
    identifier = send(house)
    run(house, "feedback.show", name="animals", report=identifier, user="ada")
    run(house, "question.add", name="animals", text="Why?", is_unanswerable=True, user="ada")
    run(house, "eval", name="animals", user="ada")
    ada = house.directory.find_user("ada")
    assert ada
    told = entries(house.audit, house)
    assert any(actor == "operator" and action == "collection.grant" and "/manage" in on for actor, action, on in told)
    for action in ("feedback.read", "question.add", "eval"):
        assert any(actor == ada.id and each == action for actor, each, _ in told)


def entries(log: AuditLog, house: House) -> list[tuple[str, str, str]]:
    assert log.verify().broken_at is None
    with house.engine.connect() as connection:
        return [
            tuple(row)
            for row in connection.execute(
                audit.select().with_only_columns(audit.c.actor, audit.c.action, audit.c.object_id)
            )
        ]


def test_a_question_is_made_of_a_report(house: House) -> None:
    praised = send(house, is_helpful=True)
    (made,) = run(house, "question.add", name="animals", report=praised, user="ada")
    assert (made["text"], made["golds"], made["report"]) == ("What does the wombat dig?", ["wombat.md"], praised)
    blamed = send(house, is_helpful=False)
    with pytest.raises(GoldWrong, match="--gold"):
        run(house, "question.add", name="animals", report=blamed)
    (made,) = run(house, "question.add", name="animals", report=blamed, golds=["quokka.md"])
    assert made["golds"] == ["quokka.md"]
    run(house, "feedback.drop", name="animals", report=blamed)
    assert [each["golds"] for each in run(house, "question.list", name="animals")].count(["quokka.md"]) == 1
    run(house, "question.drop", name="animals", question=made["question"])
    assert len(run(house, "question.list", name="animals")) == 1


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"golds": ["koala.md"]}, "no document"),
        ({"golds": ["wombat.md#3"]}, "no such page"),
        ({"golds": ["wombat.md"], "is_unanswerable": True}, "--gold or --unanswerable"),
        ({}, "--gold DOC#PAGE"),
    ],
)
def test_a_gold_is_looked_for_before_the_question_is_kept(house: House, given: dict[str, Any], reason: str) -> None:
    with pytest.raises(GoldWrong, match=reason):
        run(house, "question.add", name="animals", text="Why?", **given)
    assert run(house, "question.list", name="animals") == []


def asked(house: House) -> None:
    """A question of each kind."""
    dug = {"text": "The wombat digs what under the hill?", "golds": ["wombat.md"], "answers": ["burrow"]}
    run(house, "question.add", name="animals", **dug)
    run(house, "question.add", name="animals", text="Where lives the quokka near Perth?", golds=["quokka.md"])
    run(house, "question.add", name="animals", text="Xylophone zymurgy quasar?", is_unanswerable=True)


def test_a_run_tells_where_the_documents_came(house: House) -> None:
    with pytest.raises(QuestionUnknown, match="question add"):
        run(house, "eval", name="animals")
    asked(house)
    *rows, last = run(house, "eval", name="animals", user="ada")
    assert sorted(str(row["rank"]) for row in rows) == ["1", "1", "None"]
    assert {row["refused"] for row in rows} == {None}
    assert (last["questions"], last["answerable"], last["before"]) == (3, 2, None)
    assert (last["metrics"]["ndcg"], last["metrics"]["first"], last["metrics"]["refused"]) == (1.0, 1.0, None)
    assert last["circumstances"]["model"] == ""


def test_stages_are_measured_on_the_questions_that_something_answers(house: House) -> None:
    with pytest.raises(QuestionUnknown):
        run(house, "eval.ablate", name="animals", user="ada")
    run(house, "question.add", name="animals", text="Who flies?", is_unanswerable=True, user="ada")
    assert run(house, "eval.ablate", name="animals", user="ada") == []
    run(house, "question.add", name="animals", text="Where does the quokka live?", golds=["quokka.md"], user="ada")
    rows = {row["stages"]: row for row in run(house, "eval.ablate", name="animals", user="ada")}
    assert list(rows) == list(VARIANTS)
    assert {name: row["recall1"] for name, row in rows.items()} == dict.fromkeys(VARIANTS, 1.0)
    record = house.collections.find("animals")
    assert record
    managing = house.policy.grant(OPERATOR, record.id, Right.MANAGE)
    assert house.documents.quality.evaluations.last(managing, is_answered=False) is None


def test_the_next_run_tells_what_changed_and_what_may_be_why(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked(house)
    run(house, "eval", name="animals")
    *_, same = run(house, "eval", name="animals")
    assert (same["causes"], same["changed"], same["gone"]) == ([], [], [])
    (tmp_path / "animals" / "quokka.md").unlink()
    run(house, "collection.load", name="animals", path=str(tmp_path / "animals"))
    house.settings = house.settings.model_copy(update={"index": Index(exact_passages_max=200)})
    *_, last = run(house, "eval", name="animals")
    assert [cause["name"] for cause in last["causes"]] == ["load", "setting index.exact_passages_max"]
    assert [each["fields"] for each in last["changed"]] == [{"rank": [1, None], "page_rank": [1, None]}]
    assert last["gone"] == ["quokka.md"]
    assert (last["before"]["ndcg"], last["metrics"]["ndcg"]) == (1.0, 0.5)
    _show_metrics(last)
    _show_changes(last)
    told = capsys.readouterr()
    assert "rank 1 → none" in told.out
    assert "setting index.exact_passages_max: 10000 → 200" in told.out
    assert "quokka.md" in told.err


def test_a_run_with_answers_counts_refusals_and_citations(house: House) -> None:
    asked(house)
    house.__dict__["answerer"] = Answerer(house.searcher, Scribe("The wombat digs a burrow under the hill."))
    run(house, "eval", name="animals")
    *rows, last = run(house, "eval.answers", name="animals", user="ada")
    wombat = next(row for row in rows if "wombat" in row["text"])
    assert wombat["refused"] is False
    assert wombat["citations"]["document_precision"] == 1.0
    assert (wombat["contained"], last["metrics"]["contained"]) == (True, 1.0)
    nothing = next(row for row in rows if "quasar" in row["text"])
    assert (nothing["refused"], nothing["reason"]) == (True, "weak_evidence")
    assert last["metrics"]["refused"] == 1.0
    assert last["before"] is None  # the run before was without answers
    assert last["circumstances"]["model"]


def test_answers_stand_on_the_other_language_unless_the_settings_say_no(house: House) -> None:
    assert house.meanings is house.embedder
    house.settings = house.settings.model_copy(update={"answering": Answering(across_languages=False)})
    assert house.meanings is None


def test_a_run_whose_model_does_not_write_measures_nothing_and_is_not_kept(house: House) -> None:
    asked(house)
    house.__dict__["answerer"] = Answerer(house.searcher, Failing(EngineAway("weights x.gguf are not here")))
    with pytest.raises(AnswerUnwritten, match="model_away; see `huisclos doctor`"):
        run(house, "eval.answers", name="animals")
    record = house.collections.find("animals")
    assert record
    managing = house.policy.grant(OPERATOR, record.id, Right.MANAGE)
    assert house.documents.quality.evaluations.all(managing) == ()


def test_a_run_that_is_stopped_is_not_kept(house: House) -> None:
    asked(house)
    house.__dict__["answerer"] = Answerer(house.searcher, Scribe("The wombat digs a burrow under the hill."))
    events = OPERATIONS["eval.answers"](house, name="animals")
    next(events)
    events.close()  # type: ignore[attr-defined]  # a generator
    record = house.collections.find("animals")
    assert record
    managing = house.policy.grant(OPERATOR, record.id, Right.MANAGE)
    assert house.documents.quality.evaluations.all(managing) == ()
