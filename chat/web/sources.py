"""Sources as the page opens them: the quoted passage in its context, the page as an image, the original."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from chat.assembly import House
from chat.places import part_of, place_of
from chat.texts import preferred, texts
from chat.visitor import current_visitor
from chat.web.pages import render
from chat.web.reading import lines_of
from chat.web.tables import tabled
from rag.documents import Chunk, DocumentId, DocumentInfo, Passage, PassageId
from rag.errors import OriginalWithheld, RagError, Withholding
from rag.parsing.filetypes import SCANNABLE, MediaType
from rag.parsing.marks import Marks
from rag.parsing.sandbox import render_page
from security.access import Grant, Right
from security.errors import AccessDenied, SecurityError
from security.identity import CollectionId

PAGE_WIDTH_PX, STRIP_PAGE_WIDTH_PX = 1000, 1600
"""Of a page, and of the page that a strip is cut from: a column of it fills the panel."""
REACH = 2
"""Passages shown on each side of the cited one, where no picture of the page shows what stands around."""
SHIFT_MAX = 1_000_000
PLACE_CHARACTERS_MAX = 20
SURE_MIN = 0.8
"""What OCR read with less is to be compared with the picture; most lines of a clean scan are read with .9 and more."""
_WITHHELD = {Withholding.PERSONAL_DATA: "withheld", Withholding.ORIGINALS: "not_served"}
"""Which text says why."""
_ORIGINAL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; object-src 'self'; frame-ancestors 'none'"
)


Shift = Annotated[int, Query(ge=-SHIFT_MAX, le=SHIFT_MAX)]


@dataclass(frozen=True, slots=True)
class View:
    """A cited passage, the place in its text that is quoted, and what is shown: it among others, or others further on.

    `shift` is how many passages the reader went on, `reach` how many are shown on each side of the middle one.
    """

    cited: Passage
    quote: range
    shown: Sequence[Passage]
    reach: int
    shift: int

    @property
    def middle(self) -> Passage | None:
        """The passage that the others are shown around; None where the document has ended before."""
        middle = self.cited.chunk.ordinal + self.shift
        return next((item for item in self.shown if item.chunk.ordinal == middle), None)

    @property
    def shifts(self) -> tuple[int | None, int | None]:
        """The shifts that show what stands before and after what is shown; None at the document's ends."""
        own, count = self.cited.chunk.ordinal, self.cited.document.passages
        step = 2 * self.reach + 1
        earlier = max(self.shift - step, -own) if self.shown[0].chunk.ordinal > 0 else None
        later = min(self.shift + step, count - 1 - own) if self.shown[-1].chunk.ordinal < count - 1 else None
        return earlier, later


def create_sources(house: House) -> APIRouter:
    """Routes under /sources; each checks a grant and answers 404 alike for what is not granted and what is not."""
    router = APIRouter(prefix="/sources/{collection_id}/{document_id}")

    @router.get("/passages/{passage_id}")
    def passage(
        collection_id: str, document_id: str, passage_id: str, request: Request, quote: str = "", shift: Shift = 0
    ) -> HTMLResponse:
        grant = _grant(house, collection_id)
        cited = _passage(house, grant, document_id, passage_id)
        why = house.documents.withheld(grant, cited.document)
        reach = 0 if _has_image(cited) and not why else REACH
        shown = house.documents.around(grant, cited, reach, shift)
        view = View(cited, _place(quote, cited.chunk.text), shown, reach, shift)
        return _page(view, request, why)

    @router.get("/pages/{page}.png")
    def page_image(
        collection_id: str,
        document_id: str,
        page: int,
        request: Request,
        passage: str = "",
        quote: str = "",
        strip: str = "",
    ) -> Response:
        grant = _grant(house, collection_id)
        info = _document(house, grant, document_id)
        if info.media_type not in SCANNABLE or not 1 <= page <= (info.pages or 0):
            raise HTTPException(404)
        chunk = _passage(house, grant, document_id, passage).chunk if passage else None
        if chunk and chunk.page != page:
            raise HTTPException(404)
        try:
            blocks = house.documents.original(grant, info.id)
        except OriginalWithheld as error:
            return _withheld(request, error.why)
        marks, width = _marks(chunk, quote), STRIP_PAGE_WIDTH_PX if strip else PAGE_WIDTH_PX
        place, readers = house.memory_dir, house.page_readers
        shown = render_page(blocks, page, place, width, marks, is_strip=bool(strip), readers=readers)
        return Response(shown, media_type="image/png")

    @router.get("/original")
    def original(collection_id: str, document_id: str, request: Request) -> Response:
        grant = _grant(house, collection_id)
        info = _document(house, grant, document_id)
        try:
            blocks = _begun(house.documents.original(grant, info.id))
        except OriginalWithheld as error:
            return _withheld(request, error.why)
        is_pdf = info.media_type == MediaType.PDF
        headers = {"content-disposition": _disposition(info, "inline" if is_pdf else "attachment")}
        if is_pdf:
            headers["content-security-policy"] = _ORIGINAL_POLICY
        kind = info.media_type if is_pdf else "application/octet-stream"
        return StreamingResponse(blocks, media_type=kind, headers=headers)

    return router


def _grant(house: House, collection_id: str) -> Grant:
    try:
        return house.policy.grant(current_visitor().principal, CollectionId(collection_id), Right.READ)
    except AccessDenied:
        raise HTTPException(404) from None


def _document(house: House, grant: Grant, document_id: str) -> DocumentInfo:
    try:
        return house.documents.document(grant, DocumentId(document_id))
    except (RagError, SecurityError):
        raise HTTPException(404) from None


def _passage(house: House, grant: Grant, document_id: str, passage_id: str) -> Passage:
    for found in house.documents.passages(grant, [PassageId(passage_id)]):
        if found.document.id == document_id:
            return found
    raise HTTPException(404)


def _place(quote: str, text: str) -> range:
    """A place in a passage's text, given as `start-end` characters; an empty one for what is no place in it."""
    first, _, last = quote[:PLACE_CHARACTERS_MAX].partition("-")  # int() refuses thousands of digits
    start, end = (int(first), int(last)) if first.isdecimal() and last.isdecimal() else (0, 0)
    return range(start, end) if 0 <= start < end <= len(text) else range(0)


def _marks(chunk: Chunk | None, quote: str) -> Marks:
    """What is marked on a page: the passage's lines and, in them, the words at a place in its text."""
    if chunk is None:
        return Marks()
    place = _place(quote, chunk.text)
    return Marks(chunk.boxes, chunk.confidence is not None, chunk.text, place.start, place.stop)


def _has_image(passage: Passage) -> bool:
    """Whether the passage stands on a page that can be drawn."""
    return bool(passage.chunk.page) and passage.document.media_type in SCANNABLE


def _sureness(chunk: Chunk, words: dict[str, Any]) -> str:
    """That a passage was read from a picture, and how sure where that is little."""
    if chunk.confidence is None:
        return ""
    if chunk.confidence >= SURE_MIN:
        return str(words["read"])
    return str(words["read_unsure"]).format(percent=math.floor(chunk.confidence * 100))


def _begun(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The blocks, the first one opened already: that a file is missing or damaged is told before an answer begins."""
    return chain([next(blocks, b"")], blocks)


def _withheld(request: Request, why: Withholding) -> HTMLResponse:
    """Said to somebody who may read the document's passages, but does not get the document."""
    language = preferred(request.headers.get("accept-language", ""))
    words = texts(language)
    return HTMLResponse(render("message.html", language=language.value, t=words, text=words[_WITHHELD[why]]), 403)


def _page(view: View, request: Request, why: Withholding | None) -> HTMLResponse:
    """The passages in their place. Where the original is withheld (`why`), neither it nor an image of its pages."""
    middle, language = view.middle, preferred(request.headers.get("accept-language", ""))
    if middle is None:
        raise HTTPException(404)
    words, info, page = texts(language), middle.document, middle.chunk.page
    is_inline = info.media_type == MediaType.PDF
    base = f"/sources/{info.collection_id}/{info.id}"
    marked = {"passage": middle.id, **(_asked(view.quote) if middle.id == view.cited.id else {})}
    return HTMLResponse(
        render(
            "source.html",
            language=language.value,
            t=words,
            document=info,
            headings=" › ".join(middle.chunk.headings),
            parts=list(tabled(lines_of(view.shown, view.cited, view.quote, partial(part_of, words=words)))),
            place=place_of(middle, words),
            sureness=_sureness(middle.chunk, words),
            page=page,
            image=f"{base}/pages/{page}.png?{urlencode(marked)}" if _has_image(middle) and not why else "",
            original="" if why else f"{base}/original" + (f"#page={page}" if page and is_inline else ""),
            is_inline=is_inline,
            is_marked=any(any(box) for box in middle.chunk.boxes),
            withheld=words[_WITHHELD[why]] if why else "",
            ways=_ways(view, f"{base}/passages/{view.cited.id}", words),
        )
    )


def _asked(quote: range) -> dict[str, str]:
    """A place as an address gives it."""
    return {"quote": f"{quote.start}-{quote.stop}"} if quote else {}


def _ways(view: View, address: str, words: dict[str, Any]) -> list[tuple[str, str]]:
    """Address and name of the ways to what stands before and after what is shown; of none at the document's ends."""
    named = zip(view.shifts, (words["earlier"], words["later"]), strict=True)
    ways = ((_asked(view.quote) | {"shift": str(shift)}, name) for shift, name in named if shift is not None)
    return [(f"{address}?{urlencode(asked)}", name) for asked, name in ways]


def _disposition(info: DocumentInfo, kind: str) -> str:
    """The header that names the file; letters outside ASCII and quotes are left out of the name."""
    name = Path(info.path).name
    kept = "".join(letter for letter in name if letter.isascii() and letter.isprintable() and letter not in '"\\;')
    return f'{kind}; filename="{kept or "document"}"'
