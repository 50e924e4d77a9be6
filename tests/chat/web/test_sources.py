"""What is not granted is refused along the very path of what is not there; what is granted is shown as it may be."""

import asyncio
import io
import re
import secrets
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy import event
from starlette.types import Message, Scope

from chat.assembly import House
from chat.database import open_database
from chat.settings import Settings
from chat.web.gate import COOKIE, Gate
from chat.web.sources import create_sources
from rag.documents import Block, BlockKind, Chunk, ParsedDocument, PassageId
from rag.errors import StoreBroken
from rag.parsing.filetypes import MediaType
from rag.personal.policy import Policy
from rag.store.serving import Serving
from rag.store.values import NewDocument
from security.access import Grant, Right
from security.errors import SealBroken
from security.identity import OPERATOR, CollectionId, Principal, Role
from security.keystore import create_keyring
from security.slots import KeyFile
from tests.rag.parsing.test_pdf import line, made

TEXT = "The allowance is 40 euros."
CHUNK = Chunk(0, TEXT, 1, (), 0, len(TEXT))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house without weights: what is stored was never embedded."""
    keyring = create_keyring(tmp_path, KeyFile(tmp_path / "root.key"))
    engine = open_database(tmp_path / "truth.db")
    yield House(tmp_path, Settings(), tmp_path, engine, keyring, ExitStack())
    engine.dispose()


@pytest.fixture
def paths(house: House) -> list[str]:
    """The routes of a document's passage, page and original."""
    house.directory.give(OPERATOR.user_id, house.collections.create("archive"), Right.MANAGE)
    base, passage = put(house, "a.txt", MediaType.TEXT, TEXT.encode())
    return [f"{base}/passages/{passage}", f"{base}/pages/1.png", f"{base}/original"]


def managing(house: House) -> Grant:
    return house.policy.grant(OPERATOR, house.collections.list()[0].id, Right.MANAGE)


def put(
    house: House,
    path: str,
    kind: MediaType,
    content: bytes,
    chunk: Chunk = CHUNK,
    pages: int = 1,
    collection: CollectionId | None = None,
) -> tuple[str, PassageId]:
    """A document of one passage, without reading it; gives what its routes begin with, and the passage."""
    parsed = ParsedDocument("Allowances", pages, (Block(BlockKind.PARAGRAPH, TEXT),))
    new = NewDocument("/source", path, kind, content, parsed, (chunk,), np.eye(1, 32, dtype=np.float32))
    grant = house.policy.grant(OPERATOR, collection, Right.MANAGE) if collection else managing(house)
    document, (entry,) = house.documents.put(grant, new)
    return f"/sources/{grant.collection_id}/{document}", entry.passage_id


def reader(house: House) -> TestClient:
    """Ada, who may read the archive."""
    found = house.directory.find_user("ada")
    identifier = found.id if found else house.directory.add_user("ada", "correct horse battery", Role.EMPLOYEE)
    house.directory.give(identifier, house.collections.list()[0].id, Right.READ)
    return client(house, Principal(identifier, Role.EMPLOYEE))


async def answer(person: TestClient, path: str, sent: list[tuple[int, int]]) -> None:
    """Ask as a server hands it over; notes status and length of each part that leaves, and keeps none."""

    async def send(message: Message) -> None:
        sent.append((message.get("status", 0), len(message.get("body", b""))))

    async def receive() -> Message:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    await person.app(_scope(path), receive, send)


def _scope(path: str) -> Scope:
    headers = [(b"cookie", f"{COOKIE}=x".encode()), (b"host", b"house")]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "server": ("house", 80),
        "client": ("127.0.0.1", 1),
    }


def client(house: House, person: Principal) -> TestClient:
    application = FastAPI()
    application.include_router(create_sources(house))
    gate = Gate(
        application, find=lambda _: person, mint=lambda _: "", socket_opener=lambda _: None, policy="default-src 'none'"
    )
    return TestClient(gate, base_url="http://house", cookies={COOKIE: "x"})


def test_no_route_is_left_out_here(house: House, paths: list[str]) -> None:
    served = {getattr(route, "path", "").split("/", 4)[4].split("/")[0] for route in create_sources(house).routes}
    assert served == {path.split("/", 4)[4].split("/")[0] for path in paths}


@pytest.mark.parametrize("route", range(3), ids=["passage", "page", "original"])
def test_what_is_not_granted_is_looked_for_as_what_is_not_there(house: House, paths: list[str], route: int) -> None:
    bob = Principal(house.directory.add_user("bob", "correct horse battery", Role.ADMINISTRATOR), Role.ADMINISTRATOR)
    kind = paths[route].split("/", 4)[4]
    asked: list[str] = []
    event.listen(house.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    told = []
    for path in (paths[route], f"/sources/{secrets.token_hex(16)}/{secrets.token_hex(16)}/{kind}"):
        asked.clear()
        answer = client(house, bob).get(path)
        told.append((answer.status_code, answer.text, tuple(asked)))
    assert told[0] == told[1]
    assert told[0][0] == 404
    assert told[0][2]


def test_who_has_the_grant_gets_the_passage_and_the_original(house: House, paths: list[str]) -> None:
    passage, page, original = (reader(house).get(path) for path in paths)
    assert TEXT in passage.text
    assert page.status_code == 404  # a text has no pages
    assert original.text == TEXT


@pytest.mark.parametrize(
    ("decided", "language", "sentence"),
    [
        (Policy.MASK, "fr", "ne montre pas de données personnelles"),
        (Policy.MASK, "en", "shows no personal data"),
        (Serving.WITHHOLD, "fr", "se lit par passages"),
        (Serving.WITHHOLD, "en", "is read in passages"),
    ],
)
def test_a_collection_withholds_originals_and_pages_and_says_why(
    house: House, paths: list[str], decided: Policy | Serving, language: str, sentence: str
) -> None:
    policy, serving = (decided, None) if isinstance(decided, Policy) else (None, decided)
    house.documents.decide(managing(house), policy, serving)
    base, passage = put(house, "plan.pdf", MediaType.PDF, made(line(TEXT, 700)))
    asked = reader(house)
    asked.headers["accept-language"] = language
    for path in (f"{base}/original", f"{base}/pages/1.png", paths[2]):
        refused = asked.get(path)
        assert refused.status_code == 403
        assert sentence in refused.text
        assert TEXT not in refused.text
    for path in (paths[0], f"{base}/passages/{passage}"):
        shown = asked.get(path)
        assert shown.status_code == 200
        assert TEXT in shown.text
        assert sentence in shown.text
        assert "<img" not in shown.text
        assert "/original" not in shown.text


def test_a_page_is_shown_with_the_cited_passage_marked_and_with_no_other(house: House, paths: list[str]) -> None:
    chunk = replace(CHUNK, boxes=((70, 697, 230, 712),))
    base, passage = put(house, "plan.pdf", MediaType.PDF, made(line(TEXT, 700), line(TEXT, 700)), chunk, pages=2)
    other = paths[0].rpartition("/")[2]
    asked = reader(house)
    image = f"{base}/pages/1.png?passage={passage}"
    assert f'src="{image}"' in asked.get(f"{base}/passages/{passage}").text
    plain, shown = asked.get(f"{base}/pages/1.png"), asked.get(image)
    assert plain.content != shown.content
    assert shown.headers["content-type"] == "image/png"
    missing = [f"{base}/pages/1.png?passage={each}" for each in (other, secrets.token_hex(16), "x")]
    missing += [f"{base}/pages/2.png?passage={passage}", f"{base}/pages/3.png", f"{base}/pages/0.png"]
    assert [asked.get(path).status_code for path in missing] == [404] * len(missing)


def test_the_quote_is_marked_on_the_page_and_a_strip_of_it_comes_first(house: House, paths: list[str]) -> None:
    chunk = replace(CHUNK, boxes=((70, 697, 230, 712),))
    base, passage = put(house, "plan.pdf", MediaType.PDF, made(line(TEXT, 700)), chunk)
    asked = reader(house)
    image = f"{base}/pages/1.png?passage={passage}"
    shown = asked.get(f"{base}/passages/{passage}?quote=17-25").text
    place = f"{image}&amp;quote=17-25"
    assert f'<img class="strip" src="{place}&amp;strip=1"' in shown
    assert shown.index('class="strip"') < shown.index("<mark>40 euros</mark>") < shown.index('class="sheet"')
    plain, quoted, strip = (
        asked.get(f"{image}{more}").content for more in ("", "&quote=17-25", "&quote=17-25&strip=1")
    )
    sizes = [Image.open(io.BytesIO(each)).size for each in (plain, quoted, strip)]
    assert plain != quoted
    assert sizes[0] == sizes[1] == (1000, 1334)
    assert sizes[2][1] < 400
    for nonsense in ("25-17", "0-27", "x", "40 euros", "-1-3", f"0-{'9' * 5000}"):
        assert asked.get(image, params={"passage": passage, "quote": nonsense}).content == plain


def test_a_reader_goes_on_to_what_stands_before_and_after(house: House, paths: list[str]) -> None:
    words = [f"Paragraph {number}." for number in range(12)]
    chunks = tuple(Chunk(n, text, None, (), 13 * n, 13 * n + len(text)) for n, text in enumerate(words))
    parsed = ParsedDocument("Rules", None, tuple(Block(BlockKind.PARAGRAPH, text) for text in words))
    vectors = np.ones((12, 32), dtype=np.float32)
    new = NewDocument("/source", "rules.docx", MediaType.DOCX, b"x", parsed, chunks, vectors)
    grant = managing(house)
    document, entries = house.documents.put(grant, new)
    address = f"/sources/{grant.collection_id}/{document}/passages/{entries[8].passage_id}"
    asked = reader(house)

    def seen(shift: int) -> tuple[list[int], list[int], bool]:
        """Paragraphs shown, where the ways on lead, and whether the quote is among what is shown."""
        text = asked.get(f"{address}?quote=0-9&shift={shift}").text
        plain = re.sub(r"</?mark>", "", text)
        ways = [int(found) for found in re.findall(r"quote=0-9&amp;shift=(-?\d+)", text)]
        return [int(found) for found in re.findall(r"Paragraph (\d+)\.", plain)], ways, "<mark>Paragraph</mark>" in text

    assert seen(0) == ([6, 7, 8, 9, 10], [-5, 3], True)
    assert seen(3) == ([9, 10, 11], [-2], False)
    assert seen(-5) == ([1, 2, 3, 4, 5], [-8, 0], False)
    assert seen(-8) == ([0, 1, 2], [-3], False)
    assert [asked.get(f"{address}?shift={shift}").status_code for shift in (4, -9, 10**6)] == [404] * 3
    assert asked.get(f"{address}?shift={10**7}").status_code == 422


def test_a_passage_of_a_collection_that_is_not_granted_marks_nothing(house: House, paths: list[str]) -> None:
    base, passage = put(house, "plan.pdf", MediaType.PDF, made(line(TEXT, 700)))
    house.directory.give(OPERATOR.user_id, house.collections.create("closed"), Right.MANAGE)
    closed = next(each.id for each in house.collections.list() if each.name == "closed")
    _, theirs = put(house, "plan.pdf", MediaType.PDF, made(line(TEXT, 700)), collection=closed)
    asked = reader(house)
    assert asked.get(f"{base}/pages/1.png?passage={passage}").status_code == 200
    assert asked.get(f"{base}/pages/1.png?passage={theirs}").status_code == 404


@pytest.mark.parametrize(
    ("confidence", "language", "sentence"),
    [
        (0.799, "fr", "Texte lu sur une image, à vérifier (confiance : 79 %)"),
        (0.5, "en", "Text read from a picture: check it (confidence: 50%)"),
        (0.8, "fr", "Texte lu sur une image<"),
        (0.93, "en", "Text read from a picture<"),
        (None, "en", ""),
    ],
)
def test_a_picture_is_shown_and_downloaded_and_says_how_sure_it_was_read(
    house: House, paths: list[str], confidence: float | None, language: str, sentence: str
) -> None:
    out = io.BytesIO()
    Image.new("RGB", (600, 800), "white").save(out, "PNG")
    chunk = replace(CHUNK, confidence=confidence)
    base, passage = put(house, "scan.png", MediaType.PNG, out.getvalue(), chunk)
    asked = reader(house)
    asked.headers["accept-language"] = language
    shown, original = asked.get(f"{base}/passages/{passage}").text, asked.get(f"{base}/original")
    assert ('class="read"' in shown) is bool(sentence)
    assert sentence in shown
    assert asked.get(f"{base}/pages/1.png?passage={passage}").content.startswith(b"\x89PNG")
    assert f'src="{base}/pages/1.png?passage={passage}"' in shown
    assert f'href="{base}/original">' in shown
    assert {"fr": "Télécharger", "en": "Download"}[language] in shown
    assert original.content == out.getvalue()
    assert original.headers["content-type"] == "application/octet-stream"
    assert original.headers["content-disposition"] == 'attachment; filename="scan.png"'


async def test_a_large_original_leaves_block_by_block(house: House, paths: list[str]) -> None:
    size = 24 * 1024 * 1024
    base, _ = put(house, "large.txt", MediaType.TEXT, bytes(size))
    person, sent = reader(house), list[tuple[int, int]]()
    tracemalloc.start()
    try:
        await answer(person, f"{base}/original", sent)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    lengths = [length for _, length in sent]
    assert (sum(lengths), max(lengths)) == (size, 65_536)
    assert peak < 2 * 1024 * 1024


@pytest.mark.parametrize("damage", ["gone", "changed"])
async def test_an_original_that_does_not_open_is_no_answer_that_breaks_off(
    house: House, paths: list[str], damage: str
) -> None:
    (file,) = (path for path in (house.state / "originals").glob("*/*") if path.is_file())
    if damage == "gone":
        file.unlink()
    else:
        sealed = file.read_bytes()
        file.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    sent = list[tuple[int, int]]()
    with pytest.raises((StoreBroken, SealBroken)):  # which the application turns into a sentence
        await answer(reader(house), paths[2], sent)
    assert sent[0] == (500, 0)
