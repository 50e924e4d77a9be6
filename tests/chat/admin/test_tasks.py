"""Tasks from the command line: through a server and without one, for who may read and for nobody else."""

import pytest

from chat.admin.outcomes import ExitCode
from tests.chat.admin.conftest import Huisclos

pytestmark = pytest.mark.model


def test_a_list_names_every_document_with_its_quote(huisclos: Huisclos) -> None:
    (work,) = huisclos.rows("task", "list", "-c", "rules", "annual leaves", "--as", "camille")
    assert [section["heading"] for section in work["sections"]] == ["Annual leave"]
    cited = {citation["n"]: citation for citation in work["citations"]}
    lines = work["sections"][0]["lines"]
    assert {line["standing"] for line in lines} == {"quoted"}
    assert all(cited[number]["quote"] == line["text"] for line in lines for number in line["citations"])
    assert all(cited[number]["doc"] == "leave.md" for line in lines for number in line["citations"])
    assert "25 days of annual leave" in huisclos("task", "list", "-c", "rules", "annual leave")


def test_what_nobody_wrote_is_told_on_standard_error(huisclos: Huisclos) -> None:
    code, out, error = huisclos.ends("task", "list", "-c", "rules", "parental bonus")
    assert (code, out) == (0, "")
    assert "no document says that" in error
    assert huisclos.rows("task", "list", "-c", "rules", "parental bonus")[0]["trouble"] == "nothing_found"


def test_who_may_not_read_gets_no_list(huisclos: Huisclos) -> None:
    for collection in ("rules", "absent"):
        code, _, error = huisclos.ends("task", "list", "-c", collection, "leave", "--as", "dominique")
        assert code == ExitCode.REFUSED
        assert "no such collection" in error
    assert huisclos.ends("task", "list", "leave")[0] == ExitCode.USAGE


def test_two_documents_stand_side_by_side(huisclos: Huisclos) -> None:
    (work,) = huisclos.rows("task", "compare", "-c", "rules", "leave.md; badges.txt: day", "--as", "camille")
    assert [item["doc"] for item in work["documents"]] == ["leave.md", "sub/badges.txt"]
    said = [line["text"] for line in work["sections"][0]["lines"]]
    assert said[1] == "Lost badges are replaced by the front desk within one day."
    assert "front desk" in huisclos("task", "compare", "-c", "rules", "leave.md; badges.txt: day")


def test_a_name_that_means_two_documents_is_asked_back(huisclos: Huisclos) -> None:
    code, _, error = huisclos.ends("task", "compare", "-c", "rules", "leave badges; teletravail.md")
    assert code == 0
    assert "1. Annual leave (leave.md)" in error
    assert "--pick" in error


def test_a_summary_of_the_model_holds_only_what_stands_in_the_document(huisclos: Huisclos) -> None:
    (work,) = huisclos.rows("task", "summarise", "-c", "rules", "annual leave", "--length", "short")
    cited = {citation["n"]: citation for citation in work["citations"]}
    lines = work["sections"][0]["lines"]
    assert lines
    assert {line["standing"] for line in lines} <= {"checked", "quoted"}
    assert all(cited[number]["doc"] == "leave.md" for line in lines for number in line["citations"])


def test_a_filter_narrows_what_is_listed_and_named(huisclos: Huisclos) -> None:
    (work,) = huisclos.rows("task", "list", "-c", "rules", "lost badges", "--folder", "sub", "--after", "2001-01-01")
    assert work["total"] == 1
    assert (work["filter"]["folders"], work["filter"]["after"]) == (["sub"], "2001-01-01")
    (work,) = huisclos.rows("task", "list", "-c", "rules", "annual leave", "--folder", "sub")
    assert work["trouble"] == "nothing_found"
    both = ("task", "compare", "-c", "rules", "leave.md; badges.txt: day")
    assert huisclos.rows(*both)[0]["filter"] is None
    code, _, error = huisclos.ends(*both, "--type", "pdf")
    assert code == 0
    assert "no document matches the filter" in error
    assert "only documents that come through the filter" in error
    assert huisclos.ends(*both, "--before", "yesterday")[0] != 0
