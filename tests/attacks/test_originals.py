"""Claim: who reads a collection that withholds its originals gets no byte of one and no picture of a page, anywhere."""

import io
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from PIL.PngImagePlugin import PngInfo

from tests.attacks.planted import WRITERS
from tests.attacks.test_two_people import ALONE, CHANGED, HOUSE_ROUTES, Ids, nowhere
from tests.attacks.whole import TEST_SECONDS_MAX, Attacked, Person
from tests.rag.parsing.test_scans import page

MARK = "zq-under-the-words"
"""Stands in the originals, in no passage: a comment, a field that no reader reads."""
BEGINNINGS = (b"%PDF", b"PK\x03\x04", b"\x89PNG", MARK.encode())
"""What an original, or the picture of a page, begins with or holds; no passage does."""
SENTENCES = [
    "The wombat house has two doors and a cellar of forty square metres.",
    "Its plan was drawn in the year nineteen hundred and ninety-four.",
]


def write(folder: Path) -> Path:
    """A plan in four formats, with something in each that no passage says."""
    folder.mkdir()
    title = "Plan of the wombat house"
    (folder / "plan.pdf").write_bytes(WRITERS["pdf"](title, SENTENCES) + f"\n%{MARK}".encode())
    (folder / "plan.docx").write_bytes(WRITERS["docx"](title, SENTENCES))
    (folder / "plan.html").write_bytes(WRITERS["html"](title, SENTENCES) + f"<!-- {MARK} -->".encode())
    about, out = PngInfo(), io.BytesIO()
    about.add_text("Comment", MARK)
    page(*SENTENCES).save(out, "PNG", pnginfo=about)
    (folder / "plan.png").write_bytes(out.getvalue())
    return folder


@dataclass(frozen=True, slots=True)
class Plans:
    """Ids of all that the collection holds, as whoever reads the disk knows them."""

    reader: Person
    ids: tuple[Ids, ...]
    elsewhere: str
    """Another collection, which the reader may read and which serves its originals."""


@pytest.fixture(scope="module")
def plans(house: Attacked, inputs: Path) -> Iterator[Plans]:
    for name, folder in (("plans", write(inputs / "plans")), ("leaflets", inputs / "plans")):
        house.operate("collection.create", name=name)
        rows = house.load(name, folder)
        assert {row["state"] for row in rows} == {"indexed"}, rows
    (withheld,), (elsewhere,) = (house.operate("collection.show", name=name) for name in ("plans", "leaflets"))
    house.add_person("visitor", "plans", "leaflets")
    query = "select document_id, id from passages where collection_id = ?"
    with closing(sqlite3.connect(f"file:{house.state}/truth.db?mode=ro", uri=True)) as connection:
        rows = connection.execute(query, (withheld["id"],)).fetchall()
    absent = nowhere()
    with house.signed_in("visitor") as person:
        ids = tuple(
            Ids(withheld["id"], document, passage, absent.thread_id, absent.step_id, absent.feedback_id, "")
            for document, passage in rows
        )
        yield Plans(person, ids, elsewhere["id"])


def routes(folder: Path) -> list[str]:
    """Every path that the application serves, with holes for ids."""
    told = subprocess.run(
        [sys.executable, str(HOUSE_ROUTES), str(folder / "routes")], capture_output=True, text=True, check=True
    )
    found: list[str] = json.loads(told.stdout.splitlines()[-1])
    return found


def addresses(ids: Ids, elsewhere: str) -> Iterator[str]:
    """A document's addresses, spelled in every way that might be taken for another."""
    base = f"/sources/{ids.collection_id}/{ids.document_id}"
    other = f"/sources/{elsewhere}/{ids.document_id}"
    for ending in ("original", "original/", "original?download=1", "%6Friginal", "pages/1.png", "pages/01.png"):
        yield from (f"{base}/{ending}", f"{other}/{ending}")
    yield f"{base}/pages/1.png?passage={ids.passage_id}"
    yield f"{base}/passages/{ids.passage_id}?quote=0-9"
    yield f"/static/..%2F..{base}/original"
    yield f"/originals/{ids.collection_id}/{ids.document_id}"


def told(reader: Person, ids: Ids, elsewhere: str, paths: list[str]) -> Iterator[httpx.Response]:
    """All that the application answers to somebody who tries."""
    for address in (*addresses(ids, elsewhere), *(ids.in_path(path) for path in paths)):
        for headers in ({}, {"range": "bytes=0-99"}, {"accept": "application/pdf,image/*"}):
            yield reader.client.get(address, headers=headers)
        yield reader.client.head(address)
        for method in CHANGED if address.startswith("/sources") else ():
            yield reader.client.request(method, address, json=ids.body, headers=ALONE)


def leaks(answers: Iterator[httpx.Response]) -> set[bytes]:
    return {mark for answer in answers for mark in BEGINNINGS if mark in answer.content}


@pytest.mark.model
@pytest.mark.timeout(TEST_SECONDS_MAX)
def test_a_reader_gets_no_byte_of_an_original_by_any_route(house: Attacked, plans: Plans, tmp_path: Path) -> None:
    """And while the collection serves them, gets every one, so that an empty hand means something."""
    paths = [path for path in routes(tmp_path) if not path.startswith(("/chat/logout", "/sign", "/chat/ws"))]
    assert len(paths) > 10
    open_hand = set[bytes]()
    for ids in plans.ids:
        open_hand |= leaks(told(plans.reader, ids, plans.elsewhere, []))
    assert open_hand == set(BEGINNINGS)
    (decided,) = house.operate("collection.policy", name="plans", originals="withhold")
    assert (decided["personal_data"], decided["originals"]) == ("keep", "withhold")
    for ids in plans.ids:
        assert leaks(told(plans.reader, ids, plans.elsewhere, paths)) == set()
        base = f"/sources/{ids.collection_id}/{ids.document_id}"
        assert plans.reader.client.get(f"{base}/original").status_code == 403
        shown = plans.reader.client.get(f"{base}/passages/{ids.passage_id}").text
        assert "wombat" in shown
        assert f"{base}/original" not in shown
        assert f"{base}/pages" not in shown
    assert ("operator", "collection.policy", f"{plans.ids[0].collection_id}/withhold", "done") in house.audit_rows()


@pytest.mark.model
@pytest.mark.timeout(TEST_SECONDS_MAX)
def test_an_answer_and_its_conversation_hold_passages_alone(house: Attacked, plans: Plans) -> None:
    house.operate("collection.policy", name="plans", originals="withhold")
    house.operate("collection.revoke", name="leaflets", user="visitor")
    chat = plans.reader.chat()
    chat.ask("How many doors does the wombat house have?")
    chat.settle()
    kept = str([plans.reader.steps(thread["id"]) for thread in plans.reader.threads()])
    assert "/sources/" in kept
    for heard in (chat.heard, kept):
        assert [mark for mark in BEGINNINGS if mark.decode("latin-1") in heard] == []
        assert "/original" not in heard
        assert "/pages/" not in heard
