"""Figures go between their marks, and nothing else of the page changes."""

from pathlib import Path

import pytest

from bench.report import PAGE, MarkMissingError, block, put

TEXT = "# Page\n<!-- one -->\nold\nlines\n<!-- end one -->\nkept\n<!-- two -->\n<!-- end two -->\n"


def test_figures_replace_those_between_their_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(TEXT)
    put(page, "one", block("a\\1 b"))
    put(page, "two", "new\n")
    assert page.read_text() == (
        "# Page\n<!-- one -->\n```\na\\1 b\n```\n<!-- end one -->\nkept\n<!-- two -->\nnew\n<!-- end two -->\n"
    )


def test_a_page_without_the_marks_says_what_to_do(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(TEXT)
    with pytest.raises(MarkMissingError, match="put them where the figures belong"):
        put(page, "three", "x")
    assert page.read_text() == TEXT


@pytest.mark.parametrize("name", ["answers", "reasons", "retrieval", "identifiers"])
def test_the_evaluation_has_a_place_for_each_of_its_figures(name: str, tmp_path: Path) -> None:
    copy = tmp_path / "evaluation.md"
    copy.write_text(PAGE.read_text())
    put(copy, name, "figures")
    assert f"<!-- {name} -->\nfigures\n<!-- end {name} -->" in copy.read_text()
