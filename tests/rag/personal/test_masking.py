"""Under a mask the label of its kind stands where an identifier stood, and nothing else changes."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from rag.documents import Chunk, DocumentId, DocumentInfo, Passage, PassageId
from rag.personal.finding import find
from rag.personal.kinds import Kind, Span
from rag.personal.masking import masked, masked_passage
from security.identity import CollectionId

MAIL, PHONE = "x@example.com", "06 12 34 56 78"


def test_labels_stand_in_the_place_of_identifiers() -> None:
    assert masked(f"À {MAIL} ou au {PHONE}.") == "À [EMAIL] ou au [PHONE]."
    assert masked("rien") == "rien"
    assert masked("") == ""


def test_what_reaches_over_an_end_is_masked_up_to_the_end() -> None:
    spans = (Span(-5, 3, Kind.IBAN), Span(8, 30, Kind.PHONE))
    assert masked("123 and 45 6", spans) == "[IBAN] and [PHONE]"


def test_spans_that_are_known_are_taken_for_all() -> None:
    assert masked(MAIL, ()) == MAIL


@given(st.lists(st.sampled_from([MAIL, PHONE, "FR7630006000011234567890189", " ", "a", "été ", "\n"]), max_size=12))
def test_nothing_is_found_in_what_was_masked(pieces: list[str]) -> None:
    text = " ".join(pieces)
    hidden = masked(text)
    assert find(hidden) == ()
    assert len(find(text)) == hidden.count("[")


def test_a_passage_is_masked_with_its_headings_title_and_path() -> None:
    loaded = datetime(2026, 1, 1, tzinfo=UTC)
    info = DocumentInfo(
        DocumentId("d"), CollectionId("c"), f"{PHONE}.txt", f"Fiche {MAIL}", "text/plain", None, 1, 1, None, loaded
    )
    shown = masked_passage(Passage(PassageId("p"), info, Chunk(0, f"Tél. {PHONE}", None, (MAIL,), 0, 19)))
    assert shown.document.path == "[PHONE].txt"
    assert shown.document.title == "Fiche [EMAIL]"
    assert (shown.chunk.text, shown.chunk.headings) == ("Tél. [PHONE]", ("[EMAIL]",))
