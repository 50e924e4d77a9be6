"""The operations over the Unix socket of a running server: POST /operations/NAME gives one JSON object a line."""

import asyncio
import logging
import threading
from collections.abc import Generator
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chat.admin.gateway import run_here
from chat.admin.jsonlines import json_line
from chat.admin.outcomes import EXPECTED, failure_of
from chat.admin.registry import OPERATIONS
from chat.assembly import House

_log = logging.getLogger(__name__)
_HEADERS = [(b"content-type", b"application/x-ndjson")]


def create_admin_app(house: House) -> FastAPI:
    """The application; only the folder's owner can connect to its socket (in a folder of 0700)."""
    application = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @application.post("/operations/{name}")
    async def operate(name: str, request: Request) -> Response:
        if name not in OPERATIONS:
            raise HTTPException(404)
        return _Lines(house, name, await request.json())

    return application


class _Lines(Response):
    """The events of one operation. When the client goes away the operation is told at once, not at its next event."""

    def __init__(self, house: House, name: str, arguments: dict[str, Any]) -> None:
        super().__init__()
        self._gone = asyncio.Event()
        self._cancelled = threading.Event()
        self._lines = _lines(house, name, arguments, self._cancelled)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        watching = asyncio.create_task(self._until_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            async for line in iterate_in_threadpool(self._lines):
                if self._gone.is_set():
                    break
                await send({"type": "http.response.body", "body": line, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._cancelled.set()
            watching.cancel()
            await run_in_threadpool(self._lines.close)

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone.set()
        self._cancelled.set()


def _lines(
    house: House, name: str, arguments: dict[str, Any], cancelled: threading.Event
) -> Generator[bytes, None, None]:
    try:
        for event in run_here(house, name, arguments, cancelled):
            yield json_line(event).encode()
    except Exception as error:  # noqa: BLE001 - the edge of the socket: the client must hear how it ended
        failure = failure_of(error)
        if not isinstance(error, EXPECTED):
            _log.error("operation %s ended with %s", name, type(error).__name__)
        yield json_line({"error": {"code": failure.code, "message": failure.message}}).encode()
