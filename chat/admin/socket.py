"""The operations over the Unix socket of a running server: POST /operations/NAME gives one JSON object a line."""

import json
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse

from chat.admin.gateway import FAILURES, REFUSALS, run_here
from chat.admin.operations import OPERATIONS
from chat.assembly import House


def create_admin_app(house: House) -> FastAPI:
    """The application; only the folder's owner can connect to its socket (0600 in a folder of 0700)."""
    application = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @application.post("/operations/{name}")
    async def operate(name: str, request: Request) -> StreamingResponse:
        if name not in OPERATIONS:
            raise HTTPException(404)
        arguments: dict[str, Any] = await request.json()
        return StreamingResponse(_lines(house, name, arguments), media_type="application/x-ndjson")

    return application


def _lines(house: House, name: str, arguments: dict[str, Any]) -> Iterator[str]:
    try:
        for event in run_here(house, name, arguments):
            yield json.dumps(event, ensure_ascii=False, default=str) + "\n"
    except FAILURES as error:
        failure = {"message": str(error), "is_refusal": isinstance(error, REFUSALS)}
        yield json.dumps({"error": failure}) + "\n"
