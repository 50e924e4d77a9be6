"""A collection serves originals or withholds them from people who only read; what is not understood serves nothing."""

import json
from pathlib import Path

import pytest
from sqlalchemy import select, update

from rag.documents import DocumentId, PassageId
from rag.errors import OriginalWithheld, PolicyUnknown, StoreBroken, Withholding
from rag.personal.policy import Policy
from rag.store.serving import Policies, Serving
from rag.store.state import state_context
from rag.store.tables import collections, passages
from tests.postgresql import ON_BOTH_DATABASES
from tests.rag.conftest import Shelf
from tests.rag.personal.test_collection import state_says

pytestmark = ON_BOTH_DATABASES
TEXT = "Wombats sleep by day."


@pytest.fixture
def identifier(shelf: Shelf, tmp_path: Path) -> DocumentId:
    """The one document of the shelf."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "wombat.txt").write_text(TEXT)
    shelf.load(folder)
    return shelf.documents.documents(shelf.managing)[0].id


def original(shelf: Shelf, identifier: DocumentId) -> bytes:
    return b"".join(shelf.documents.original(shelf.reading, identifier))


def test_who_reads_gets_passages_alone_and_who_manages_gets_the_original(shelf: Shelf, identifier: DocumentId) -> None:
    assert original(shelf, identifier) == TEXT.encode()
    shelf.documents.decide(shelf.managing, serving=Serving.WITHHOLD)
    with pytest.raises(OriginalWithheld) as caught:
        shelf.documents.original(shelf.reading, identifier)
    assert caught.value.why is Withholding.ORIGINALS
    assert shelf.find("wombats") == {"wombat.txt": TEXT}
    assert b"".join(shelf.documents.original(shelf.managing, identifier)) == TEXT.encode()
    shelf.documents.decide(shelf.managing, serving=Serving.SERVE)
    assert original(shelf, identifier) == TEXT.encode()


def test_each_policy_is_decided_alone_and_stays_through_loads_and_a_rotation(
    shelf: Shelf, identifier: DocumentId, tmp_path: Path
) -> None:
    shelf.documents.decide(shelf.managing, serving=Serving.WITHHOLD)
    shelf.documents.decide(shelf.managing, Policy.MASK)
    (tmp_path / "documents" / "more.txt").write_text("Wombats dig.")
    shelf.load(tmp_path / "documents")
    list(shelf.documents.reseal(shelf.managing))
    shelf.documents.forget(shelf.managing, [identifier])
    assert shelf.documents.policies(shelf.reading) == Policies(Policy.MASK, Serving.WITHHOLD)
    shelf.documents.decide(shelf.managing, serving=Serving.SERVE)
    assert shelf.documents.policies(shelf.reading) == Policies(Policy.MASK, Serving.SERVE)


def test_a_state_of_an_earlier_release_serves(shelf: Shelf, identifier: DocumentId) -> None:
    key = shelf.keyring.for_grant(shelf.managing)
    context = state_context(shelf.collection_id)
    with shelf.engine.begin() as connection:
        content = json.loads(key.open(connection.execute(select(collections.c.state)).scalar_one(), context))
        del content["originals"]
        connection.execute(update(collections).values(state=key.seal(json.dumps(content).encode(), context)))
    assert shelf.documents.policies(shelf.reading) == Policies()
    assert original(shelf, identifier) == TEXT.encode()


def test_a_serving_of_tomorrow_serves_nothing_until_one_is_set(shelf: Shelf, identifier: DocumentId) -> None:
    with shelf.engine.connect() as connection:
        passage = PassageId(connection.execute(select(passages.c.id)).scalar_one())
    state_says(shelf, originals="lend")
    for read in (
        lambda: shelf.documents.original(shelf.reading, identifier),
        lambda: shelf.documents.passages(shelf.reading, [passage]),
        lambda: shelf.documents.documents(shelf.reading),
    ):
        with pytest.raises(PolicyUnknown, match="'lend', expected one of serve, withhold"):
            read()
    shelf.documents.decide(shelf.managing, Policy.KEEP)
    with pytest.raises(PolicyUnknown, match="'lend'"):
        original(shelf, identifier)
    shelf.documents.decide(shelf.managing, serving=Serving.WITHHOLD)
    assert shelf.find("wombats") == {"wombat.txt": TEXT}


def test_a_state_of_before_the_withholding_does_not_take_it_off(shelf: Shelf, identifier: DocumentId) -> None:
    with shelf.engine.connect() as connection:
        (before,) = connection.execute(select(collections.c.epoch, collections.c.state))
    shelf.documents.decide(shelf.managing, serving=Serving.WITHHOLD)
    for values in ({"epoch": before.epoch, "state": before.state}, {"epoch": before.epoch, "state": None}):
        with shelf.engine.begin() as connection:
            connection.execute(update(collections).values(**values))
        with pytest.raises(StoreBroken, match="an older one"):
            original(shelf, identifier)


def test_a_repair_keeps_what_was_decided_and_withholds_where_it_cannot_be_read(
    shelf: Shelf, identifier: DocumentId
) -> None:
    shelf.documents.decide(shelf.managing, serving=Serving.WITHHOLD)
    shelf.documents.integrity.repair(shelf.managing, [])
    assert shelf.documents.policies(shelf.reading) == Policies(Policy.KEEP, Serving.WITHHOLD)
    for state in (None, bytes(90)):
        shelf.documents.decide(shelf.managing, Policy.KEEP, Serving.SERVE)
        with shelf.engine.begin() as connection:
            connection.execute(update(collections).values(state=state))
        shelf.documents.integrity.repair(shelf.managing, [])
        assert shelf.documents.policies(shelf.reading) == Policies(Policy.MASK, Serving.WITHHOLD)
