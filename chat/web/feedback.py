"""A page that shows what would be sent to the owners of collections, and sends it when the person says so."""

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from chat.assembly import House
from chat.logs import record
from chat.texts import preferred, texts
from chat.visitor import current_visitor
from chat.web.pages import shown
from rag.errors import ReportRefused
from security.errors import AccessDenied


def create_feedback(house: House) -> APIRouter:
    """Routes under /feedback; 404 alike for somebody else's message, one that is not there, and nothing to send."""
    router = APIRouter(prefix="/feedback/{step_id}")

    @router.get("")
    def preview(step_id: str, request: Request) -> HTMLResponse:
        try:
            offers = house.feedback.offers(current_visitor().principal, step_id)
        except AccessDenied:
            raise HTTPException(404) from None
        if not offers:
            raise HTTPException(404)
        return shown(request, "feedback.html", step_id=step_id, offers=offers)

    @router.post("")
    def send(step_id: str, request: Request) -> HTMLResponse:
        words = texts(preferred(request.headers.get("accept-language", "")))
        try:
            sent = house.feedback.send(current_visitor().principal, step_id)
        except AccessDenied:
            raise HTTPException(404) from None
        except ReportRefused:
            record("report_refused")
            return shown(request, "message.html", 429, text=words["feedback_full"])
        if not sent:
            raise HTTPException(404)
        return shown(request, "message.html", text=words["feedback_sent"].format(names=", ".join(sent)))

    return router
