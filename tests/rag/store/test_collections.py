"""A collection is a sealed name and a key of its own, both or neither."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from rag.errors import CollectionExists, CollectionUnknown
from rag.store.tables import collections
from security.keyring import collection_owner
from tests.postgresql import ON_BOTH_DATABASES
from tests.rag.conftest import Shelf

pytestmark = ON_BOTH_DATABASES


def test_a_name_is_found_however_it_is_cased_and_shown_as_it_was_given(shelf: Shelf) -> None:
    identifier = shelf.collections.create(" Ressources Humaines ")
    found = shelf.collections.find("RESSOURCES humaines")
    assert found is not None
    assert (found.id, found.name, found.epoch) == (identifier, "Ressources Humaines", 0)
    assert [record.name for record in shelf.collections.list()] == ["Ressources Humaines", "shelf"]


def test_a_second_collection_of_a_name_is_refused_and_leaves_no_key(shelf: Shelf) -> None:
    before = shelf.keyring.status().keys
    with pytest.raises(CollectionExists):
        shelf.collections.create("SHELF")
    assert shelf.keyring.status().keys == before


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
def test_a_name_has_a_length(shelf: Shelf, name: str) -> None:
    with pytest.raises(CollectionUnknown, match="1 to 200"):
        shelf.collections.create(name)


def test_a_removed_collection_is_gone_with_its_key(shelf: Shelf) -> None:
    shelf.collections.remove(shelf.collection_id)
    assert shelf.collections.list() == ()
    assert not shelf.keyring.has(collection_owner(shelf.collection_id))
    with pytest.raises(CollectionUnknown):
        shelf.collections.get(shelf.collection_id)


def test_a_removal_cut_by_a_crash_counts_as_done_and_frees_the_name(shelf: Shelf) -> None:
    shelf.keyring.destroy(collection_owner(shelf.collection_id))
    assert shelf.collections.list() == ()
    assert shelf.collections.find("shelf") is None
    with pytest.raises(CollectionUnknown):
        shelf.collections.get(shelf.collection_id)
    assert shelf.collections.create("shelf") != shelf.collection_id
    with shelf.engine.connect() as connection:
        assert len(connection.execute(select(collections.c.id)).all()) == 1


def test_a_key_without_a_collection_does_no_harm(shelf: Shelf) -> None:
    shelf.keyring.create(collection_owner(shelf.collection_id.__class__("0" * 32)))
    assert [record.id for record in shelf.collections.list()] == [shelf.collection_id]


def test_the_epoch_grows_with_every_change(shelf: Shelf) -> None:
    shelf.documents.forget(shelf.managing, [])
    assert shelf.collections.get(shelf.collection_id).epoch == 1


def test_a_name_cannot_be_read_on_the_disk(shelf: Shelf, stored: Callable[[], bytes]) -> None:
    identifier = shelf.collections.create("restructuring-plan")
    shelf.engine.dispose()
    written = stored()
    assert identifier.encode() in written
    assert b"restructuring" not in written
