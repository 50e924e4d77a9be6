"""Passages that follow each other read as one text: blocks are whole, and the quote stands where it was found."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from chat.web.reading import Line, Run, lines_of
from rag.documents import Chunk, DocumentId, DocumentInfo, Passage, PassageId
from rag.parsing.filetypes import MediaType
from security.identity import CollectionId

NOW = datetime(2026, 1, 1, tzinfo=UTC)
INFO = DocumentInfo(DocumentId("d"), CollectionId("c"), "a", "A", MediaType.DOCX, None, 9, 1, NOW, NOW)
TEXT = "Leave\nTwenty-five days. More on request.\nOther\nNothing."


def cut(*places: int, headings: tuple[str, ...] = (), text: str = TEXT) -> list[Passage]:
    """The text as passages that end at some places; a newline there parts two blocks."""
    found: list[Passage] = []
    start = 0
    for end in (*places, len(text)):
        chunk = Chunk(len(found), text[start:end], None, headings, start, end)
        found.append(Passage(PassageId(str(len(found))), INFO, chunk))
        start = end + (text[end : end + 1] == "\n")
    return found


def read(passages: list[Passage], cited: int = 0, quote: range = range(0)) -> list[Line]:
    return lines_of(
        passages, passages[cited], quote, lambda item: f"slide {item.chunk.page}" if item.chunk.page else ""
    )


def test_a_block_that_two_passages_share_is_read_whole() -> None:
    middle = TEXT.index("More")
    found = read(cut(middle, TEXT.index("\nOther")), cited=1, quote=range(0, 4))
    assert [line.text for line in found] == TEXT.split("\n")
    assert found[1].runs == (Run("Twenty-five days. "), Run("More", True, True), Run(" on request.", True))
    assert [line.is_cited for line in found] == [False, True, False, False]


def test_the_headings_above_a_passage_are_headings_and_a_line_like_one_is_not() -> None:
    found = read(cut(headings=("Leave",), text="Leave\nDays.\nLeave"))
    assert [line.is_heading for line in found] == [True, False, False]


def test_slides_are_named_where_they_begin_and_one_alone_is_not() -> None:
    passages = [
        replace(item, chunk=replace(item.chunk, page=page)) for item, page in zip(cut(5, 40), (1, 1, 2), strict=True)
    ]
    assert [line.text for line in read(passages) if line.is_place] == ["slide 1", "slide 2"]
    assert not any(line.is_place for line in read(passages[:2]))


def test_the_name_of_a_sheet_is_not_told_twice() -> None:
    passages = cut(7, text="Sales\nA\nCosts\nB")
    found = lines_of(passages, passages[0], range(0), lambda item: ("Sales", "Costs")[item.chunk.ordinal])
    assert [(line.text, line.is_place) for line in found] == [
        ("Sales", True),
        ("A", False),
        ("Costs", True),
        ("B", False),
    ]


@given(st.lists(st.integers(1, len(TEXT) - 2), max_size=3, unique=True), st.integers(0, 60), st.integers(0, 60))
def test_nothing_is_lost_and_the_quote_is_the_letters_at_its_place(places: list[int], start: int, end: int) -> None:
    passages = cut(*sorted(place for place in places if TEXT[place - 1] != "\n" and TEXT[place] != "\n"))
    cited = passages[-1].chunk
    quote = range(start, end) if start < end <= len(cited.text) else range(0)
    found = read(passages, len(passages) - 1, quote)
    assert "\n".join(line.text for line in found) == TEXT
    quoted = "".join(run.text for line in found for run in line.runs if run.is_quoted)
    assert quoted == cited.text[quote.start : quote.stop].replace("\n", "")
