"""The shapes that other tools rely on, without a server and through one: nothing may differ."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.chat.admin.conftest import Huisclos

pytestmark = pytest.mark.model
PROGRESS = re.compile(r"^.* … \d+ s\n", re.M)
"""Shown of what takes over two seconds, so of more on a busy machine."""


def test_a_load_prints_a_line_for_each_file(huisclos: Huisclos, documents: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(documents, folder)
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 but no more")
    huisclos("collection", "create", tmp_path.name)
    arguments = ("collection", "load", tmp_path.name, str(folder), "--json")
    code, out, error = huisclos.ends(*arguments)
    rows = {row["doc"]: row for row in map(json.loads, out.splitlines())}
    assert code == 0
    assert "4 files" in error
    assert set(rows) == {"broken.pdf", "leave.md", "teletravail.md", "sub/badges.txt"}
    for row in rows.values():
        assert list(row) == ["doc", "state", "reason", "pages", "passages", "seconds"]
        assert isinstance(row["seconds"], float)
    assert rows["broken.pdf"]["state"] == "rejected"
    assert rows["broken.pdf"]["reason"]
    assert rows["leave.md"] | {"seconds": 0.0} == {
        "doc": "leave.md",
        "state": "indexed",
        "reason": None,
        "pages": None,
        "passages": 1,
        "seconds": 0.0,
    }
    assert huisclos.ends(*arguments, "--strict")[0] == 1
    huisclos("collection", "remove", tmp_path.name, "--yes")


def test_a_search_prints_passages_best_first(huisclos: Huisclos) -> None:
    rows = huisclos.rows("search", "-c", "rules", "days of annual leave", "--limit", "2")
    assert [row["doc"] for row in rows][:1] == ["leave.md"]
    assert len(rows) == 2
    assert all({"doc", "page", "score", "text"} <= set(row) for row in rows)
    assert rows[0]["page"] is None
    assert rows[0]["score"] >= rows[1]["score"]
    assert "25 days" in rows[0]["text"]


def test_a_search_is_narrowed_and_says_when_nothing_is_left(huisclos: Huisclos) -> None:
    asked = ("search", "-c", "rules", "days of annual leave", "--after", "2001-01-01")
    assert huisclos.rows(*asked, "--type", "text")[0]["doc"] == "leave.md"
    code, out, error = huisclos.ends(*asked, "--type", "pdf", "--type", "mail")
    assert (code, out) == (0, "")
    assert "no document matches the filter" in error
    assert huisclos.ends(*asked, "--before", "2000-01-01")[0] == 2


def test_an_answer_is_one_object_with_every_field(huisclos: Huisclos) -> None:
    answer = json.loads(huisclos("ask", "-c", "rules", "--json", "How many days of annual leave do employees have?"))
    assert set(answer) >= {
        "answer",
        "refused",
        "reason",
        "language",
        "sentences",
        "citations",
        "ranked_docs",
        "timings",
    }
    assert (answer["refused"], answer["reason"]) == (False, None)
    assert answer["language"] == "en"
    for sentence in answer["sentences"]:
        assert list(sentence) == ["text", "citations", "supported", "why"]
        assert sentence["supported"] is not bool(sentence["why"])
        assert all(isinstance(number, int) for number in sentence["citations"])
        assert isinstance(sentence["supported"], bool)
    for citation in answer["citations"]:
        assert list(citation) == ["n", "doc", "title", "page", "cells", "quote", "start", "end"]
        assert citation["end"] - citation["start"] == len(citation["quote"])
        assert citation["doc"] == "leave.md"
        assert citation["page"] is None
    assert answer["ranked_docs"][0] == "leave.md"
    assert list(answer["timings"]) == ["retrieve_ms", "first_token_ms", "total_ms", "prompt_tokens", "answer_tokens"]


def test_a_batch_goes_on_after_a_half_written_line(huisclos: Huisclos, tmp_path: Path) -> None:
    batch, out = tmp_path / "questions.jsonl", tmp_path / "predictions.jsonl"
    batch.write_text("".join(json.dumps({"id": name, "question": "xylophone quasar?"}) + "\n" for name in ("a", "b")))
    out.write_text('{"id": "a"}\n{"id": "b", "ans')
    huisclos("ask", "-c", "rules", "--batch", str(batch), "--out", str(out))
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["id"] for row in rows] == ["a", "b"]
    assert list(rows[1]) == ["id", "answer", "refused", "reason", "citations", "ranked_docs"]
    assert (rows[1]["refused"], rows[1]["reason"]) == (True, "weak_evidence")


def test_what_was_not_granted_is_refused_as_if_it_were_not_there(huisclos: Huisclos) -> None:
    for words in (["ask"], ["search"]):
        ends = [huisclos.ends(*words, "-c", name, "--as", "dominique", "leave?") for name in ("rules", "nothing")]
        denied, absent = ((code, out, PROGRESS.sub("", error)) for code, out, error in ends)
        assert denied == absent
        assert denied[:2] == (3, "")


@pytest.mark.parametrize(
    "words", ["collection show nothing", "collection grant rules nobody", "user disable nobody", "group show nothing"]
)
def test_what_is_not_there_is_refused(served: Huisclos, words: str) -> None:
    assert served.ends(*words.split())[0] == 3


@pytest.mark.parametrize("words", ["collection create rules", "user add camille"])
def test_what_is_there_already_fails(served: Huisclos, words: str) -> None:
    code, out, error = served.ends(*words.split())
    assert (code, out) == (1, "")
    assert "exists" in error or "already" in error


def test_people_are_added_listed_and_disabled(served: Huisclos) -> None:
    (added,) = served.rows("user", "add", "eve", "--role", "administrator")
    assert len(added["password"]) >= 12
    code, out, _ = served.ends("user", "password", "eve", "--password-stdin", "--json", stdin="a pass phrase of hers\n")
    assert (code, json.loads(out)) == (0, {"name": "eve"})
    served("user", "disable", "eve")
    listed = {row["name"]: row for row in served.rows("user", "list")}
    assert listed["eve"]["disabled"] is True
    assert listed["eve"]["role"] == "administrator"


def test_groups_are_joined_granted_shown_and_left(served: Huisclos) -> None:
    def is_read() -> bool:
        return served.ends("search", "-c", "rules", "--as", "dominique", "leave")[0] == 0

    (added,) = served.rows("group", "add", "front desk")
    served("group", "join", "front desk", "dominique", "camille")
    assert not is_read()
    (row,) = served.rows("collection", "grant", "rules", "--group", "front desk")
    assert row == {"granted": "rules", "group": "front desk"}
    assert is_read()
    shown = {"id": added["id"], "name": "front desk", "members": 2, "collections": 1}
    assert shown in served.rows("group", "list")
    assert served.rows("group", "show", "front desk") == [
        {
            "id": added["id"],
            "name": "front desk",
            "members": ["camille", "dominique"],
            "grants": [{"collection": "rules", "right": "read"}],
        }
    ]
    assert {row["name"]: row["groups"] for row in served.rows("user", "list")}["dominique"] == ["front desk"]
    assert served.rows("collection", "show", "rules")[0]["group_grants"] == [{"group": "front desk", "right": "read"}]
    assert "front desk" in served("collection", "show", "rules")
    assert "dominique still reads rules through front desk" in served("collection", "revoke", "rules", "dominique")
    served("group", "leave", "front desk", "dominique")
    assert not is_read()
    served("group", "join", "front desk", "dominique")
    served("collection", "revoke", "rules", "--group", "front desk")
    assert not is_read()
    served("group", "remove", "front desk")
    assert served.ends("group", "show", "front desk")[0] == 3


@pytest.mark.parametrize("words", [["rules"], ["rules", "camille", "--group", "front desk"]])
def test_a_right_is_given_to_a_person_or_a_group(served: Huisclos, words: list[str]) -> None:
    code, _, error = served.ends("collection", "grant", *words)
    assert (code, "one of them" in error) == (2, True)


def test_a_collection_shows_its_documents_and_readers(served: Huisclos) -> None:
    (found,) = served.rows("collection", "show", "rules")
    assert {row["doc"] for row in found["documents"]} == {"leave.md", "teletravail.md", "sub/badges.txt"}
    assert {"user": "camille", "right": "read"} in found["grants"]
    (listed,) = [row for row in served.rows("collection", "list") if row["name"] == "rules"]
    assert listed["documents"] == 3


def test_keys_and_the_record_are_told_without_secrets(huisclos: Huisclos) -> None:
    (status,) = huisclos.rows("keys", "status")
    assert [slot["kind"] for slot in status["slots"]] == ["key_file"]
    (report,) = huisclos.rows("audit", "verify")
    assert report["broken_at"] is None


def test_a_second_server_says_that_one_runs_and_where(served: Huisclos) -> None:
    code, _, error = served.ends("serve")
    assert code == 1
    assert f"http://127.0.0.1:{served.port}/" in error


def test_a_collection_says_what_it_does_with_personal_data(huisclos: Huisclos) -> None:
    assert huisclos.rows("collection", "show", "rules")[0]["personal_data"] == "keep"
    told = huisclos("collection", "policy", "rules", "--personal-data", "refuse")
    assert "stay, and are shown, until their folder is loaded again; documents that hold some: 0" in told
    (row,) = huisclos.rows("collection", "policy", "rules", "--personal-data", "mask")
    assert row == {
        "collection": "rules",
        "personal_data": "mask",
        "originals": "serve",
        "holding": 0,
        "unknown": 0,
    }
    (shown,) = (row for row in huisclos.rows("collection", "list") if row["name"] == "rules")
    assert shown["personal_data"] == "mask"
    assert huisclos.rows("collection", "show", "rules")[0]["documents"][0]["identifiers"] == {}
    assert huisclos.ends("collection", "policy", "rules", "--personal-data", "erase")[0] == 2
    assert huisclos.ends("collection", "policy", "nothing", "--personal-data", "keep")[0] == 3
    huisclos("collection", "policy", "rules", "--personal-data", "keep")


def test_a_collection_serves_its_originals_or_withholds_them(huisclos: Huisclos) -> None:
    assert huisclos.rows("collection", "show", "rules")[0]["originals"] == "serve"
    told = huisclos("collection", "policy", "rules", "--originals", "withhold")
    assert told.splitlines() == [
        "rules withholds originals and page images from now on: who reads it gets passages alone. "
        "What was opened before stays where it was saved"
    ]
    (row,) = huisclos.rows("collection", "policy", "rules", "--personal-data", "mask", "--originals", "withhold")
    assert (row["personal_data"], row["originals"]) == ("mask", "withhold")
    both = huisclos("collection", "policy", "rules", "--personal-data", "keep", "--originals", "withhold")
    assert [line.split()[:2] for line in both.splitlines()] == [["rules", "keeps"], ["rules", "withholds"]]
    (shown,) = (row for row in huisclos.rows("collection", "list") if row["name"] == "rules")
    assert (shown["personal_data"], shown["originals"]) == ("keep", "withhold")
    assert huisclos.ends("collection", "policy", "rules", "--originals", "lend")[0] == 2
    assert huisclos.ends("collection", "policy", "rules")[0] == 2
    assert huisclos.ends("collection", "policy", "nothing", "--originals", "serve")[0] == 3
    huisclos("collection", "policy", "rules", "--originals", "serve")
