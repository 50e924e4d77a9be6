"""What is told of files, and of pages, that did not come in."""

from rag.keptout import unread_told


def test_pages_that_could_not_be_read_are_named_in_runs() -> None:
    rest = "could not be read, or badly: scan again (no scan is read before `huisclos models pull`)"
    assert unread_told(()) is None
    assert unread_told((4,)) == f"page 4 {rest}"
    assert unread_told((9, 3, 7, 8)) == f"pages 3, 7-9 {rest}"


def test_a_sentence_names_no_more_runs_than_can_be_read() -> None:
    told = unread_told(range(1, 1001, 2)) or ""
    assert "37, 39 and 480 more could" in told
