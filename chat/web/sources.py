"""Sources as the page opens them: the quoted passage in its context, the page as an image, the original."""

from collections.abc import Iterator

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse

from chat.assembly import House
from chat.markdown import escape
from chat.texts import preferred, texts
from chat.visitor import current_visitor
from rag.documents import DocumentId, DocumentInfo, Passage, PassageId
from rag.errors import RagError
from rag.parsing.filetypes import MediaType
from rag.parsing.sandbox import render_page
from security.access import Grant, Right
from security.errors import AccessDenied, SecurityError
from security.identity import CollectionId

PAGE_WIDTH_PX = 900


def create_sources(house: House) -> APIRouter:
    """Routes under /sources; each checks a grant and answers 404 alike for what is not granted and what is not."""
    router = APIRouter(prefix="/sources/{collection_id}/{document_id}")

    @router.get("/passages/{passage_id}.md")
    def passage(collection_id: str, document_id: str, passage_id: str, request: Request, quote: str = "") -> Response:
        grant = _grant(house, collection_id)
        found = [
            item for item in house.documents.passages(grant, [PassageId(passage_id)]) if item.document.id == document_id
        ]
        if not found:
            raise HTTPException(404)
        start, _, end = quote.partition("-")
        span = (int(start), int(end)) if start.isdigit() and end.isdigit() else (0, 0)
        around = house.documents.around(grant, found[0])
        words = texts(preferred(request.headers.get("accept-language", "")))
        return PlainTextResponse(_panel(found[0], around, span, words), media_type="text/plain; charset=utf-8")

    @router.get("/pages/{page}.png")
    def page_image(collection_id: str, document_id: str, page: int) -> Response:
        grant = _grant(house, collection_id)
        info = _document(house, grant, document_id)
        if info.media_type != MediaType.PDF or not 1 <= page <= (info.pages or 0):
            raise HTTPException(404)
        data = b"".join(house.documents.original(grant, info.id))
        return Response(render_page(data, page, house.memory_dir, PAGE_WIDTH_PX), media_type="image/png")

    @router.get("/original")
    def original(collection_id: str, document_id: str) -> Response:
        grant = _grant(house, collection_id)
        info = _document(house, grant, document_id)
        is_pdf = info.media_type == MediaType.PDF
        kind = info.media_type if is_pdf else "application/octet-stream"
        name = "".join(
            letter for letter in info.path.rsplit("/", 1)[-1] if letter.isascii() and letter not in '"\\;\r\n'
        )
        disposition = f'{"inline" if is_pdf else "attachment"}; filename="{name or "document"}"'
        blocks: Iterator[bytes] = house.documents.original(grant, info.id)
        return StreamingResponse(blocks, media_type=kind, headers={"content-disposition": disposition})

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


def _panel(passage: Passage, around: tuple[Passage, ...], span: tuple[int, int], words: dict[str, str]) -> str:
    """Markdown of ours around escaped text: title, place and date, the passage with the quote in bold, the page."""
    info, page = passage.document, passage.chunk.page
    base = f"/sources/{info.collection_id}/{info.id}"
    place = [f"{words['page']} {page}"] if page else []
    place += [f"{words['updated']} {info.modified_at:%Y-%m-%d}"] if info.modified_at else []
    lines = [f"### {escape(info.title)}", " · ".join([escape(info.path), *place])]
    for item in around:
        text = item.chunk.text
        if item.id == passage.id and 0 <= span[0] < span[1] <= len(text):
            before, quote, after = text[: span[0]], text[span[0] : span[1]], text[span[1] :]
            lines.append(f"> {escape(before)} **{escape(quote)}** {escape(after)}")
        else:
            lines.append(escape(text))
    if page and info.media_type == MediaType.PDF:
        lines.append(f"![{words['page']} {page}]({base}/pages/{page}.png)")
    lines.append(f"[{words['original']}]({base}/original{f'#page={page}' if page else ''})")
    return "\n\n".join(lines)
