"""A house with two collections, each with an owner of its own, and people who read one or both."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from chat.admin.registry import OPERATIONS
from chat.assembly import House
from chat.conversations import ThreadId
from chat.feedback import EVIDENCE
from chat.web.feedback import create_feedback
from chat.web.gate import COOKIE, Gate
from chat.web.owned import create_owned
from chat.web.sources import create_sources
from rag.answering.answer import Answer, Finished
from rag.answering.answerer import Answerer
from rag.store.reports import Report
from security.access import Right
from security.identity import CollectionId, Principal, Role
from tests.rag.answering.test_answerer import Scribe
from tests.rag.conftest import WordEmbedder

THREAD, COMMENT = ThreadId("thread"), "numbatcomment"
SAID = {"law": "The lease of the bilby ends in spring.", "food": "The lease of the quoll ends in autumn."}
DRAFT = "The lease of the bilby ends in spring. The lease of the quoll ends in autumn. The emu pays nothing."
QUESTION = "On law or food: the lease of the bilby, of the quoll, ends in spring, in autumn?"


class Firm:
    """Ada reads the law and the food, Bob the food alone; each has an owner of their own, Lena and Finn."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house = house
        house.__dict__["embedder"] = WordEmbedder()  # where cached_property keeps what it made
        house.__dict__["answerer"] = Answerer(house.searcher, Scribe(DRAFT))
        self.ids = {name: self._collection(name, folder) for name in SAID}
        readers = {"ada": ("law", "food"), "bob": ("food",), "lena": ("law",), "finn": ("food",)}
        self.people = {name: self._person(name, collections) for name, collections in readers.items()}
        for owner, name in (("lena", "law"), ("finn", "food")):
            self.run("collection.grant", name=name, user=owner, is_owner=True)

    def run(self, operation: str, /, **arguments: Any) -> list[dict[str, Any]]:
        return list(OPERATIONS[operation](self.house, **arguments))

    def _collection(self, name: str, folder: Path) -> CollectionId:
        (folder / name).mkdir()
        (folder / name / f"{name}.md").write_text(f"# On {name}\n\n{SAID[name]}\n")
        (made,) = self.run("collection.create", name=name)
        self.run("collection.load", name=name, path=str(folder / name))
        return CollectionId(str(made["id"]))

    def _person(self, name: str, collections: tuple[str, ...]) -> Principal:
        self.house.directory.add_user(name, "correct horse battery", Role.EMPLOYEE)
        for collection in collections:
            self.run("collection.grant", name=collection, user=name)
        found = self.house.directory.find_user(name)
        assert found
        return found.principal

    def asks(self, name: str) -> Answer:
        grants = self.house.policy.grants(self.people[name])
        events = list(self.house.answerer.answer(grants, QUESTION))
        assert isinstance(events[-1], Finished)
        return events[-1].answer

    def rates(self, name: str, evidence: Any, step_id: str = "answer") -> str:
        """Keep a message of a person's, made of this, with a thumb; gives its id."""
        person, step = self.people[name], f"{name}-{step_id}"
        body = {"id": step, "output": DRAFT, "metadata": {EVIDENCE: evidence}}
        self.house.conversations.put_step(person, ThreadId(f"{name}-{THREAD}"), step, body)
        self.house.conversations.rate(person, step, 0, COMMENT)
        return step

    def page(self, name: str) -> TestClient:
        """The pages of feedback, owners and sources as the person's browser reaches them."""
        application, person = FastAPI(), self.people[name]
        for pages in (create_feedback, create_owned, create_sources):
            application.include_router(pages(self.house))
        gate = Gate(
            application,
            find=lambda _: person,
            mint=lambda _: "",
            socket_opener=lambda _: None,
            policy="default-src 'none'",
        )
        own = {"origin": "http://house"}
        return TestClient(gate, base_url="http://house", cookies={COOKIE: "x"}, headers=own, follow_redirects=False)

    def sent(self, name: str) -> tuple[Report, ...]:
        """What the owners of a collection have."""
        owner = self.people["lena" if name == "law" else "finn"]
        grant = self.house.policy.grant(owner, self.ids[name], Right.MANAGE)
        return self.house.documents.quality.reports.all(grant)


def forged(firm: Firm, name: str, **changes: Any) -> dict[str, Any]:
    """What a page could claim of a message: it was made of a passage of that collection."""
    grant = firm.house.policy.for_indexing(firm.ids[name])
    (batch,) = firm.house.documents.entries.all(grant)
    passages = [[firm.ids[name], entry.passage_id, [[1, 0, 20]]] for entry in batch]
    made = {"question": "q", "model": "m", "reason": "", "sentences": [["s", [1]]], "passages": passages}
    return made | changes
