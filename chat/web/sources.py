"""Sources as the page opens them: the quoted passage in its context, the page as an image, the original."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from chat.assembly import House
from chat.places import place_of
from chat.texts import preferred, texts
from chat.visitor import current_visitor
from chat.web.pages import render
from rag.documents import Chunk, DocumentId, DocumentInfo, Passage, PassageId
from rag.errors import OriginalWithheld, RagError, Withholding
from rag.parsing.filetypes import SCANNABLE, MediaType
from rag.parsing.sandbox import render_page
from security.access import Grant, Right
from security.errors import AccessDenied, SecurityError
from security.identity import CollectionId

PAGE_WIDTH_PX = 1000
PLACE_CHARACTERS_MAX = 20
SURE_MIN = 0.8
"""What OCR read with less is to be compared with the picture; most lines of a clean scan are read with .9 and more."""
_WITHHELD = {Withholding.PERSONAL_DATA: "withheld", Withholding.ORIGINALS: "not_served"}
"""Which text says why."""
_ORIGINAL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; object-src 'self'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """A passage in three parts around the quote; all of it is `before` when nothing is quoted in it.

    `sureness` says that it was read from a picture; empty for written text.
    """

    before: str
    quote: str
    after: str
    is_cited: bool
    sureness: str


def create_sources(house: House) -> APIRouter:
    """Routes under /sources; each checks a grant and answers 404 alike for what is not granted and what is not."""
    router = APIRouter(prefix="/sources/{collection_id}/{document_id}")

    @router.get("/passages/{passage_id}")
    def passage(
        collection_id: str, document_id: str, passage_id: str, request: Request, quote: str = ""
    ) -> HTMLResponse:
        grant = _grant(house, collection_id)
        cited = _passage(house, grant, document_id, passage_id)
        words = texts(preferred(request.headers.get("accept-language", "")))
        shown = [_shown(item, cited, quote, words) for item in house.documents.around(grant, cited)]
        return _page(cited, shown, request, house.documents.withheld(grant, cited.document))

    @router.get("/pages/{page}.png")
    def page_image(collection_id: str, document_id: str, page: int, request: Request, passage: str = "") -> Response:
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
        boxes, is_read = (chunk.boxes, chunk.confidence is not None) if chunk else ((), False)
        place, readers = house.memory_dir, house.page_readers
        shown = render_page(blocks, page, place, PAGE_WIDTH_PX, boxes, is_read=is_read, readers=readers)
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


def _shown(item: Passage, cited: Passage, quote: str, words: dict[str, Any]) -> ShownPassage:
    """The passage cut at the quote, given as `start-end` characters; a place outside the text quotes nothing."""
    text, sureness = item.chunk.text, _sureness(item.chunk, words)
    first, _, last = quote[:PLACE_CHARACTERS_MAX].partition("-")  # int() refuses thousands of digits
    start, end = (int(first), int(last)) if first.isdecimal() and last.isdecimal() else (0, 0)
    if item.id == cited.id and 0 <= start < end <= len(text):
        return ShownPassage(text[:start], text[start:end], text[end:], is_cited=True, sureness=sureness)
    return ShownPassage(text, "", "", is_cited=item.id == cited.id, sureness=sureness)


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


def _page(cited: Passage, shown: list[ShownPassage], request: Request, why: Withholding | None) -> HTMLResponse:
    """The passages in their place. Where the original is withheld (`why`), neither it nor an image of its pages."""
    language = preferred(request.headers.get("accept-language", ""))
    info, page = cited.document, cited.chunk.page
    is_inline, has_image = info.media_type == MediaType.PDF, page and info.media_type in SCANNABLE
    base = f"/sources/{info.collection_id}/{info.id}"
    return HTMLResponse(
        render(
            "source.html",
            language=language.value,
            t=texts(language),
            document=info,
            headings=" › ".join(cited.chunk.headings),
            passages=shown,
            place=place_of(cited, texts(language)),
            page=page,
            image=f"{base}/pages/{page}.png?passage={cited.id}" if has_image and not why else "",
            original="" if why else f"{base}/original" + (f"#page={page}" if page and is_inline else ""),
            is_inline=is_inline,
            is_marked=any(any(box) for box in cited.chunk.boxes),
            withheld=texts(language)[_WITHHELD[why]] if why else "",
        )
    )


def _disposition(info: DocumentInfo, kind: str) -> str:
    """The header that names the file; letters outside ASCII and quotes are left out of the name."""
    name = Path(info.path).name
    kept = "".join(letter for letter in name if letter.isascii() and letter.isprintable() and letter not in '"\\;')
    return f'{kind}; filename="{kept or "document"}"'
