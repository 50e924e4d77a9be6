"""What is not granted is refused along the very path of what is not there: the same questions to the database."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event

from chat.assembly import House
from chat.database import open_database
from chat.settings import Settings
from chat.web.gate import COOKIE, Gate
from chat.web.sources import create_sources
from rag.documents import Block, BlockKind, Chunk, ParsedDocument
from rag.personal.policy import Policy
from rag.store.documents import NewDocument
from security.access import Right
from security.identity import OPERATOR, Principal, Role
from security.keystore import create_keyring
from security.slots import KeyFile

TEXT = "The allowance is 40 euros."


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
    collection = house.collections.create("archive")
    house.directory.give(OPERATOR.user_id, collection, Right.MANAGE)
    parsed = ParsedDocument("Allowances", 1, (Block(BlockKind.PARAGRAPH, TEXT),))
    chunks, vectors = (Chunk(0, TEXT, 1, (), 0, len(TEXT)),), np.eye(1, 32, dtype=np.float32)
    new = NewDocument("/source", "a.txt", "text/plain", TEXT.encode(), parsed, chunks, vectors)
    document, (entry,) = house.documents.put(house.policy.grant(OPERATOR, collection, Right.MANAGE), new)
    base = f"/sources/{collection}/{document}"
    return [f"{base}/passages/{entry.passage_id}", f"{base}/pages/1.png", f"{base}/original"]


def client(house: House, person: Principal) -> TestClient:
    application = FastAPI()
    application.include_router(create_sources(house))
    gate = Gate(
        application, find=lambda _: person, mint=lambda _: "", socket_opener=lambda _: None, policy="default-src 'none'"
    )
    return TestClient(gate, base_url="http://house", cookies={COOKIE: "x"})


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
    ada = Principal(house.directory.add_user("ada", "correct horse battery", Role.EMPLOYEE), Role.EMPLOYEE)
    house.directory.give(ada.user_id, house.collections.list()[0].id, Right.READ)
    passage, page, original = (client(house, ada).get(path) for path in paths)
    assert TEXT in passage.text
    assert page.status_code == 404  # a text has no pages
    assert original.text == TEXT


@pytest.mark.parametrize(
    ("language", "sentence"), [("fr", "ne montre pas de données personnelles"), ("en", "shows no personal data")]
)
def test_a_collection_that_masks_withholds_originals_and_pages_and_says_so(
    house: House, paths: list[str], language: str, sentence: str
) -> None:
    ada = Principal(house.directory.add_user("ada", "correct horse battery", Role.EMPLOYEE), Role.EMPLOYEE)
    collection = house.collections.list()[0].id
    house.directory.give(ada.user_id, collection, Right.READ)
    house.documents.decide(house.policy.grant(OPERATOR, collection, Right.MANAGE), Policy.MASK)
    asked = client(house, ada)
    asked.headers["accept-language"] = language
    passage, original = asked.get(paths[0]), asked.get(paths[2])
    assert passage.status_code == 200
    assert sentence in passage.text
    assert 'class="original"' not in passage.text
    assert original.status_code == 403
    assert sentence in original.text
    assert TEXT not in original.text
