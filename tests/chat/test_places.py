"""A passage's place is told in a reader's words."""

import string
from datetime import UTC, datetime

import pytest

from chat.places import place_of, range_name
from chat.texts import texts
from rag.answering.answer import Language
from rag.documents import Cells, Chunk, DocumentId, DocumentInfo, Passage, PassageId
from rag.parsing.filetypes import MediaType
from security.identity import CollectionId


def passage(kind: MediaType, page: int | None, cells: Cells | None = None, headings: tuple[str, ...] = ()) -> Passage:
    now = datetime.now(UTC)
    info = DocumentInfo(DocumentId("d"), CollectionId("c"), "a", "A", kind, page, 1, 1, now, now)
    return Passage(PassageId("p"), info, Chunk(0, "text", page, headings, 0, 4, cells=cells))


@pytest.mark.parametrize(
    ("found", "french", "english"),
    [
        (passage(MediaType.PDF, 3), "page 3", "page 3"),
        (passage(MediaType.PPTX, 3), "diapositive 3", "slide 3"),
        (passage(MediaType.XLSX, 1, (5, 3, 9, 6), ("Ventes",)), "Ventes C5:F9", "Ventes C5:F9"),
        (passage(MediaType.ODS, 2), "feuille 2", "sheet 2"),
        (passage(MediaType.DOCX, None), "", ""),
    ],
)
def test_a_place_is_a_page_a_slide_or_cells(found: Passage, french: str, english: str) -> None:
    assert place_of(found, texts(Language.FRENCH)) == french
    assert place_of(found, texts(Language.ENGLISH)) == english


def test_columns_are_counted_as_spreadsheets_do() -> None:
    names = [range_name((1, number, 1, number)).rstrip("1") for number in (*range(1, 29), 702, 703, 16384)]
    assert names == [*string.ascii_uppercase, "AA", "AB", "ZZ", "AAA", "XFD"]
