"""Claim: where a collection masks, no identifier of its documents comes out: in no step, answer, source or message."""

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine

from models.generation import Done, GenerationEvent, GenerationRequest, Started, Token
from rag.answering.answer import Finished
from rag.answering.answerer import Answerer
from rag.index.memory import MemoryIndex
from rag.loading import Loader
from rag.personal.policy import Policy
from rag.retrieval.search import Searcher
from rag.store.collections import CollectionStore
from rag.store.documents import DocumentStore
from security.access import AccessPolicy, Right
from security.directory import Directory
from security.identity import OPERATOR
from security.keyring import Keyring
from tests.attacks.planted import WRITERS
from tests.attacks.whole import TEST_SECONDS_MAX, Attacked, Person

IDENTIFIERS = {
    "iban": "FR76 3000 6000 0112 3456 7890 189",
    "nir": "2 95 10 99 126 111 93",
    "siret": "732 829 320 00074",
    "card": "4111 1111 1111 1111",
    "phone": "06 12 34 56 78",
    "email": "jean.wombat@example.com",
}
TEXTS = [
    f"The wombat keeper is paid to the account {IDENTIFIERS['iban']} on the last day of the month.",
    f"The wombat keeper can be called at {IDENTIFIERS['phone']} or written to at {IDENTIFIERS['email']}.",
    f"The wombat keeper has the number {IDENTIFIERS['nir']}, works for {IDENTIFIERS['siret']}, "
    f"and pays with {IDENTIFIERS['card']}.",
]
QUESTIONS = ("To which account is the wombat keeper paid?", "At what number can the wombat keeper be called?")
FILE = f"wombat keeper {IDENTIFIERS['email']}"
SOURCE = re.compile(r"/sources/\w+/\w+/passages/\w+(?:\?quote=\d+-\d+)?")


def told(text: str) -> list[str]:
    """The kinds of identifiers that stand in a text, however they are spaced, escaped or cased."""
    bare = re.sub(r"[^0-9a-z@]|\\u2060", "", text.lower())
    return [kind for kind, value in IDENTIFIERS.items() if re.sub(r"[^0-9a-z@]", "", value.lower()) in bare]


def write(folder: Path) -> Path:
    folder.mkdir()
    for suffix in ("md", "pdf", "docx"):
        (folder / f"{FILE}.{suffix}").write_bytes(WRITERS[suffix](f"Keeper {IDENTIFIERS['phone']}", TEXTS))
    return folder


class Parrot:
    """A model that writes all that it reads: what it is given and must not tell is told."""

    model_name, context_tokens = "parrot", 4096

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def generate(self, request: GenerationRequest, cancelled: threading.Event) -> Iterator[GenerationEvent]:
        yield Started(1)
        for message in request.messages[1:]:
            yield Token(f"{message.content} ")
        yield Done("stop", 1, 1, 1.0)


class Alike:
    """An embedder to which all passages are the same, and every question too, or nothing like them (`is_far`)."""

    language_axis = None

    def __init__(self, is_far: bool) -> None:
        self._is_far = is_far

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.tile(np.array([1, 0, 0, 0], np.float32), (len(texts), 1))

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.roll(self.embed_passages(texts), int(self._is_far), axis=1)

    def count_tokens(self, text: str) -> int:
        return len(text.split())


@pytest.mark.parametrize(("policy", "kinds"), [(Policy.KEEP, set(IDENTIFIERS)), (Policy.MASK, set[str]())])
@pytest.mark.parametrize("is_refused", [False, True])
def test_a_model_that_tells_all_it_reads_tells_no_identifier(
    keyring: Keyring, engine: Engine, tmp_path: Path, inputs: Path, policy: Policy, kinds: set[str], is_refused: bool
) -> None:
    """And under `keep` it tells every one, so that an empty hand means something."""
    directory, collections = Directory(engine, keyring), CollectionStore(engine, keyring)
    collection, access = collections.create("keepers"), AccessPolicy(directory)
    for right in (Right.READ, Right.MANAGE):
        directory.give(OPERATOR.user_id, collection, right)
    reading, managing = (access.grant(OPERATOR, collection, right) for right in (Right.READ, Right.MANAGE))
    store = DocumentStore(engine, keyring, tmp_path / "originals")
    memory = inputs / f"memory-{tmp_path.name}"
    memory.mkdir()
    index = MemoryIndex(memory, store.snapshots)
    embedder = Alike(is_far=is_refused)
    folder = write(inputs / f"keepers-{tmp_path.name}")
    states = {file.state.value for file in Loader(store, index, embedder, memory).load(managing, folder)}
    assert states == {"indexed"}
    store.decide(managing, policy)
    answerer = Answerer(Searcher(store, index, embedder), Parrot())
    events = [event for asked in QUESTIONS for event in answerer.answer([reading], asked)]
    index.close()
    assert [event.answer.refused for event in events if isinstance(event, Finished)] == [is_refused] * len(QUESTIONS)
    assert set(told(repr(events))) == kinds


@dataclass(frozen=True, slots=True)
class Heard:
    """What a person who may read the collection was told, by the way it came."""

    socket: str
    conversation: str
    sources: str
    codes: frozenset[int]


@pytest.fixture(scope="module")
def keeper(house: Attacked, inputs: Path) -> Iterator[Person]:
    house.operate("collection.create", name="keepers")
    rows = house.load("keepers", write(inputs / "keepers"))
    assert {row["state"] for row in rows} == {"indexed"}, rows
    house.add_person("keeper", "keepers")
    with house.signed_in("keeper") as person:
        yield person


def ask(keeper: Person) -> Heard:
    """Ask on the page, read the conversation as it lies, open every source, and try originals and page images."""
    chat = keeper.chat()
    for question in (*QUESTIONS, "What does a lighthouse cost in Norway?"):
        chat.ask(question)
    chat.settle()
    kept = str([keeper.steps(thread["id"]) for thread in keeper.threads()] + keeper.threads())
    pages, codes = [], set()
    for address in dict.fromkeys(SOURCE.findall(kept)):
        pages.append(keeper.client.get(address).text)
        base = address.partition("/passages/")[0]
        for path in (f"{base}/original", f"{base}/pages/1.png"):
            answer = keeper.client.get(path)
            codes.add(answer.status_code)
            pages.append(answer.text)
    assert pages
    return Heard(chat.heard, kept, "".join(pages), frozenset(codes))


@pytest.mark.model
@pytest.mark.timeout(TEST_SECONDS_MAX)
def test_no_identifier_comes_out_of_a_served_house_that_masks(house: Attacked, keeper: Person) -> None:
    (decided,) = house.operate("collection.policy", name="keepers", personal_data="mask")
    assert (decided["holding"], decided["unknown"]) == (3, 0)
    heard = ask(keeper)
    assert (told(heard.socket), told(heard.conversation), told(heard.sources)) == ([], [], [])
    assert "[IBAN]" in heard.sources
    assert heard.codes <= {403, 404}
    assert 403 in heard.codes
    for name in ("", keeper.name):
        rows = house.operate("search", collection="keepers", question="wombat keeper", user=name)
        rows += house.operate("ask", collection="keepers", question=QUESTIONS[0], user=name)
        assert told(str(rows)) == []
        assert "[IBAN]" in str(rows)
    (shown,) = house.operate("collection.show", name="keepers")
    assert told(str(shown)) == []
    assert all(row["identifiers"]["iban"] == 1 for row in shown["documents"])
    assert told(house.log.read_text()) == []


@pytest.mark.model
@pytest.mark.timeout(TEST_SECONDS_MAX)
def test_refused_documents_are_told_of_by_kinds_alone(house: Attacked, keeper: Person, inputs: Path) -> None:
    house.operate("collection.create", name="open")
    house.operate("collection.policy", name="open", personal_data="refuse")
    rows = house.load("open", inputs / "keepers")
    assert {row["state"] for row in rows} == {"rejected"}
    assert all("1 IBAN, 1 NIR" in row["reason"] for row in rows)
    assert told(str([row["reason"] for row in rows])) == []
    assert house.operate("collection.show", name="open")[0]["passages"] == 0
