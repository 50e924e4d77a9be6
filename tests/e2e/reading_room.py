"""Sources over the real gate, from documents read by the real readers: no weights, and a page with links for a chat."""

import io
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import docx
import numpy as np
import openpyxl
import pypdfium2
import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from chat.assembly import House
from chat.database import open_database
from chat.settings import Settings, load_settings
from chat.web import application as served_by
from chat.web.gate import COOKIE, Gate
from chat.web.sources import create_sources
from models.store import ModelStore
from rag.chunking import chunk_document
from rag.parsing.sandbox import read_document
from rag.store.values import NewDocument
from security.access import Right
from security.identity import OPERATOR, Principal, Role
from security.keystore import create_keyring
from security.slots import KeyFile
from tests.e2e.served import DOCUMENTS, free_port
from tests.rag.parsing.decks import deck, shape, slide

KINDS = ("pdf", "scan", "word", "sheet", "slides")
POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; connect-src 'self'"
"""As that of the chat view, whose two inline scripts are not here; the styles are axe's."""
PAGE = """<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>Links</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<link rel="icon" href="/static/logo.svg"><link rel="stylesheet" href="/static/chat.css">
<script type="module" src="/static/chat.js"></script></head>
<body><main><h1>Links</h1><ul>{links}</ul></main></body></html>"""


@dataclass(slots=True)
class Room:
    """A server, and for each kind of document the address of a source in it, with its quote."""

    house: House
    address: str
    token: str = ""
    sources: dict[str, str] = field(default_factory=dict)

    def put(self, kind: str, name: str, data: bytes, quote: str, tessdata: Path | None = None) -> None:
        """Read a document as a load does, store it, and keep the address of the passage that holds the quote."""
        grant = self.house.policy.grant(OPERATOR, self.house.collections.list()[0].id, Right.MANAGE)
        read = read_document(name, data, self.house.memory_dir, tessdata=tessdata)
        chunks = chunk_document(read.document, lambda text: len(text) // 4)
        vectors = np.full((len(chunks), 32), 32**-0.5, dtype=np.float32)
        new = NewDocument("/source", name, read.media_type, data, read.document, chunks, vectors)
        document, entries = self.house.documents.put(grant, new)
        cited = next(chunk for chunk in chunks if quote in chunk.text)
        start = cited.text.index(quote)
        base = f"/sources/{grant.collection_id}/{document}/passages/{entries[cited.ordinal].passage_id}"
        self.sources[kind] = f"{base}?quote={start}-{start + len(quote)}"


@contextmanager
def opened(folder: Path) -> Iterator[Room]:
    """A room with a document of each kind; the address of the page of links is `/links`."""
    engine = open_database(folder / "truth.db")
    keyring = create_keyring(folder, KeyFile(folder / "root.key"))
    room = Room(House(folder, Settings(), folder, engine, keyring, ExitStack()), "")
    collection = room.house.collections.create("archive")
    room.house.directory.give(OPERATOR.user_id, collection, Right.MANAGE)
    _fill(room)
    ada = room.house.directory.add_user("ada", "correct horse battery", Role.EMPLOYEE)
    room.house.directory.give(ada, collection, Right.READ)
    room.token = room.house.directory.open_session(Principal(ada, Role.EMPLOYEE))
    with _serving(room):
        yield room
    engine.dispose()


def _fill(room: Room) -> None:
    tessdata = ModelStore(load_settings(room.house.state).models.folder).tessdata()
    assert tessdata, "no data for OCR: run `huisclos models pull --for-tests`"
    pdf = (DOCUMENTS / "faq-telephonie.pdf").read_bytes()
    room.put("pdf", "faq-telephonie.pdf", pdf, "Il y a deux motifs d'inscription")
    room.put("scan", "numérisation.png", _scan(pdf), "deux motifs", tessdata)
    room.put("word", "télétravail.docx", _letter(), "trois jours par semaine au plus")
    room.put("sheet", "ventes.xlsx", _book(), "Chiffre d'affaires (k€): 1 240")
    room.put("slides", "séminaire.pptx", _deck(), "Le budget de la formation augmente de 12 %")


def _scan(pdf: bytes) -> bytes:
    out = io.BytesIO()
    pypdfium2.PdfDocument(pdf)[0].render(scale=200 / 72).to_pil().save(out, "PNG", dpi=(200, 200))
    return out.getvalue()


def _letter() -> bytes:
    letter = docx.Document()
    letter.core_properties.title = "Accord de télétravail"
    for number in range(1, 9):
        letter.add_heading(f"Article {number}", 1)
        more = "Le télétravail est ouvert trois jours par semaine au plus. " if number == 5 else ""
        letter.add_paragraph(f"{more}{'Le salarié prévient son responsable et tient son planning à jour. ' * 8}")
    out = io.BytesIO()
    letter.save(out)
    return out.getvalue()


def _book() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Ventes 2024"
    sheet.append(["Mois", "Région", "Chiffre d'affaires (k€)", "Responsable", "Remarque"])
    for number in range(1, 41):
        row = [f"mois {number}", "Nord" if number % 2 else "Sud", 1000 + 10 * number, "C. Martin", "à revoir"]
        sheet.append(row if number != 24 else [*row[:2], "1 240", *row[3:4]])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _deck() -> bytes:
    return deck(
        [
            slide(shape(f"Séminaire, partie {number}", kind="title") + shape(*lines, bullet="•"))
            for number, lines in enumerate(
                [
                    ("Bilan de l'année", "Les effectifs restent stables"),
                    ("Le budget de la formation augmente de 12 %", "Un quart des salariés en profite"),
                    ("Calendrier", "Les inscriptions ouvrent en mars"),
                ],
                1,
            )
        ],
        title="Séminaire annuel",
    )


@contextmanager
def _serving(room: Room) -> Iterator[None]:
    """The routes of the application that show sources, on a port of their own."""
    application = FastAPI(openapi_url=None)
    application.mount("/static", StaticFiles(directory=Path(served_by.__file__).parent / "static"))
    application.include_router(create_sources(room.house))

    @application.get("/links")
    def links(language: str) -> HTMLResponse:
        items = "".join(f'<li><a href="{escape(at)}">{kind}</a></li>' for kind, at in room.sources.items())
        return HTMLResponse(PAGE.format(language=language, links=items))

    find = room.house.directory.session
    gate = Gate(application, find=find, mint=lambda _: "", socket_opener=lambda _: None, policy=POLICY)
    port = free_port()
    room.address = f"http://127.0.0.1:{port}"
    server = uvicorn.Server(uvicorn.Config(gate, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.05)
    yield
    server.should_exit = True
    thread.join(30)


def cookie(room: Room) -> dict[str, str]:
    """What a signed-in browser holds."""
    return {"name": COOKIE, "value": room.token, "url": room.address}
