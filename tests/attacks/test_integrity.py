"""Claim: a row changed, moved, put back, brought in or taken out is seen and named; so is an older database."""

import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, delete, insert, select, update

from chat.admin.registry import OPERATIONS
from chat.assembly import House
from chat.opening import DATABASE, initialise, open_house
from chat.settings import Settings, Store
from rag.documents import Chunk, DocumentId, ParsedDocument
from rag.errors import StoreBroken
from rag.store.tables import collections, documents, passages
from rag.store.values import MovedTo, NewDocument
from security.access import Grant, Right
from security.errors import OlderState, SealBroken
from security.identity import OPERATOR, CollectionId, Role
from security.tables import grants, roll, users
from tests.postgresql import ON_BOTH_DATABASES

pytestmark = pytest.mark.usefixtures("process_as_it_was")
Attack = Callable[[Connection, "Shelves"], object]
DOCUMENTS, PASSAGES = 4, 3


class Shelves:
    """Two collections of documents, one of which is attacked."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.attacked, self.other = (self._filled(name) for name in ("attacked", "other"))
        self.ids = [info.id for info in house.documents.documents(self.attacked)]

    def _filled(self, name: str) -> Grant:
        (made,) = OPERATIONS["collection.create"](self.house, name=name)
        grant = self.house.policy.grant(OPERATOR, CollectionId(str(made["id"])), Right.MANAGE)
        for number in range(DOCUMENTS):
            put(self.house, grant, number)
        return grant


def put(house: House, grant: Grant, number: int) -> DocumentId:
    chunks = tuple(Chunk(place, f"wombat {number} {place}", None, (), 0, 9) for place in range(PASSAGES))
    vectors = np.eye(PASSAGES, 384, dtype=np.float32)
    parsed = ParsedDocument(f"Title {number}", None, ())
    new = NewDocument("/s", f"{number}.txt", "text/plain", b"%d" % number, parsed, chunks, vectors)
    return house.documents.put(grant, new)[0]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    initialise(tmp_path / "state", Settings())
    return tmp_path / "state"


@pytest.fixture
def shelves(process_as_it_was: None, tmp_path: Path, store: Store) -> Iterator[Shelves]:
    settings = Settings(store=store)
    initialise(tmp_path / "shelves", settings)
    with open_house(tmp_path / "shelves", settings) as house:
        yield Shelves(house)


def found(house: House, name: str = "", *, is_quick: bool = True) -> dict[str, list[str]]:
    """What `huisclos verify` finds, by subject."""
    events = list(OPERATIONS["verify"](house, name=name, is_quick=is_quick))
    return {event["subject"]: event["reasons"] for event in events if event.get("reasons")}


def copied(connection: Connection, table: object, row: dict[str, object]) -> None:
    connection.execute(insert(table).values(row))  # type: ignore[arg-type]  # a table


def bring_in_a_passage(connection: Connection, shelves: Shelves) -> None:
    row = connection.execute(select(passages).where(passages.c.document_id == shelves.ids[0])).mappings().first()
    assert row is not None
    connection.execute(insert(passages).values({**row, "id": "f" * 32, "ordinal": 99}))


def bring_in_a_document(connection: Connection, shelves: Shelves) -> None:
    row = connection.execute(select(documents).where(documents.c.id == shelves.ids[0])).mappings().one()
    connection.execute(insert(documents).values({**row, "id": "f" * 32}))


def exchange_places(connection: Connection, shelves: Shelves) -> None:
    """Two documents of one collection trade what tells where they lay."""
    first, second = (
        connection.execute(select(documents.c.place_key).where(documents.c.id == identifier)).scalar_one()
        for identifier in shelves.ids[:2]
    )
    for identifier, key in zip(shelves.ids[:2], (second, first), strict=True):
        connection.execute(update(documents).where(documents.c.id == identifier).values(place_key=key))


def take_out_a_passage(connection: Connection, shelves: Shelves) -> None:
    one = select(passages.c.id).where(passages.c.document_id == shelves.ids[0]).limit(1)
    connection.execute(delete(passages).where(passages.c.id == one.scalar_subquery()))


def exchange_passages(connection: Connection, shelves: Shelves) -> None:
    """Two passages of one document trade their places in the order."""
    rows = connection.execute(select(passages.c.id).where(passages.c.document_id == shelves.ids[0])).scalars().all()
    for identifier, ordinal in zip(rows, (1, 0), strict=False):
        connection.execute(update(passages).where(passages.c.id == identifier).values(ordinal=ordinal))


def give_to_the_other(table: object) -> Attack:
    def attack(connection: Connection, shelves: Shelves) -> None:
        column = documents.c.id if table is documents else passages.c.document_id
        row = update(table).where(column == shelves.ids[0])  # type: ignore[arg-type]  # a table
        connection.execute(row.values(collection_id=shelves.other.collection_id))

    return attack


def of_first(connection: Connection, shelves: Shelves, **values: object) -> None:
    connection.execute(update(documents).where(documents.c.id == shelves.ids[0]).values(**values))


def of_collection(connection: Connection, shelves: Shelves, **values: object) -> None:
    own = collections.c.id == shelves.attacked.collection_id
    connection.execute(update(collections).where(own).values(**values))


ATTACKS: dict[str, tuple[Attack, str]] = {
    "a document taken out": (
        lambda c, s: c.execute(delete(documents).where(documents.c.id == s.ids[0])),
        "3 documents stand in the database, which are not the 4",
    ),
    "every document taken out": (
        lambda c, s: c.execute(delete(documents).where(documents.c.collection_id == s.attacked.collection_id)),
        "0 documents stand in the database, which are not the 4",
    ),
    "a document brought in": (bring_in_a_document, "documents f{32} about: does not open"),
    "a document's places exchanged": (exchange_places, "documents [0-9a-f]{32}: its row was changed"),
    "a source changed": (lambda c, s: of_first(c, s, source_key=bytes(32)), "its row was changed"),
    "a content key changed": (lambda c, s: of_first(c, s, content_key=bytes(32)), "its row was changed"),
    "about changed": (lambda c, s: of_first(c, s, about=bytes(80)), "format 00"),
    "a document given to another collection": (
        give_to_the_other(documents),
        "passages of a document that is not there",
    ),
    "passages given to another collection": (give_to_the_other(passages), "its 0 passages are not the 3"),
    "a passage taken out": (take_out_a_passage, "document [0-9a-f]{32}: its 2 passages are not the 3"),
    "a passage brought in": (bring_in_a_passage, "document [0-9a-f]{32}: its 4 passages are not the 3"),
    "passages exchanged": (exchange_passages, "document [0-9a-f]{32}: its 3 passages are not the 3"),
    "the state taken out": (lambda c, s: of_collection(c, s, state=None), "its sealed state was taken out"),
    "the state changed": (lambda c, s: of_collection(c, s, state=bytes(90)), "collections [0-9a-f]{32} state: format"),
    "the epoch changed": (lambda c, s: of_collection(c, s, epoch=99), r"its epoch was changed from \d to 99"),
}


@ON_BOTH_DATABASES
@pytest.mark.parametrize(("attack", "reason"), ATTACKS.values(), ids=ATTACKS)
def test_an_attack_on_rows_is_named_closes_its_collection_alone_and_can_be_repaired(
    shelves: Shelves, attack: Attack, reason: str
) -> None:
    house = shelves.house
    assert found(house) == {}
    with house.engine.begin() as connection:
        attack(connection, shelves)
    reasons = found(house)
    assert any(re.search(reason, each) for each in reasons["collection attacked"])
    with pytest.raises(StoreBroken, match=r"is closed.*huisclos repair"):
        house.documents.documents(shelves.attacked)
    if "collection other" not in reasons:  # where a row was given to it, it is not what was written either
        assert len(house.documents.documents(shelves.other)) == DOCUMENTS
    for name in ("attacked", "other"):
        list(OPERATIONS["repair.collection"](house, name=name))
    assert found(house, is_quick=False) == {}
    put(house, shelves.attacked, 0)
    assert found(house, is_quick=False) == {}


@pytest.mark.parametrize("column", ["body", "vector"])
def test_a_value_changed_is_found_by_a_close_look_and_at_its_first_use(shelves: Shelves, column: str) -> None:
    house = shelves.house
    with house.engine.begin() as connection:
        row = connection.execute(select(passages).where(passages.c.document_id == shelves.ids[1])).mappings().first()
        assert row is not None
        changed = bytes(row[column][:-1]) + bytes([row[column][-1] ^ 1])
        connection.execute(update(passages).where(passages.c.id == row["id"]).values({column: changed}))
    assert found(house) == {}
    assert f"{shelves.ids[1]}/{row['id']} {column}" in found(house, is_quick=False)["collection attacked"][0]
    list(OPERATIONS["repair.collection"](house, name="attacked"))
    assert [info.id for info in house.documents.documents(shelves.attacked)] == [shelves.ids[0], *shelves.ids[2:]]


def test_a_passage_that_does_not_open_closes_its_collection_when_it_is_read(shelves: Shelves) -> None:
    house = shelves.house
    with house.engine.begin() as connection:
        chosen = (
            connection.execute(select(passages.c.id).where(passages.c.document_id == shelves.ids[1])).scalars().all()
        )
        connection.execute(update(passages).where(passages.c.id == chosen[0]).values(body=bytes(90)))
    with pytest.raises(StoreBroken, match=f"{shelves.ids[1]}/{chosen[0]} body"):
        house.documents.passages(shelves.attacked, chosen)
    assert found(house) == {}  # a quick look opens no value, and nothing that was closed
    with pytest.raises(StoreBroken, match="is closed"):
        house.documents.documents(shelves.attacked)
    assert len(house.documents.documents(shelves.other)) == DOCUMENTS


@pytest.mark.parametrize("attack", ["changed", "exchanged"])
def test_a_collection_is_not_found_by_a_name_that_is_not_its_own(
    process_as_it_was: None, state: Path, attack: str
) -> None:
    """Or who gives a right on one collection would give it on another."""
    with open_house(state, Settings()) as house:
        shelves = Shelves(house)
        own, other = shelves.attacked.collection_id, shelves.other.collection_id
        with house.engine.begin() as connection:
            rows = connection.execute(select(collections.c.id, collections.c.name_key)).all()
            keys = {row.id: row.name_key for row in rows}
            if attack == "changed":
                of_collection(connection, shelves, name=bytes(60))
            else:
                of_collection(connection, shelves, name_key=bytes(32))
                row = update(collections)
                connection.execute(row.where(collections.c.id == other).values(name_key=keys[own]))
                connection.execute(row.where(collections.c.id == own).values(name_key=keys[other]))
        with pytest.raises(StoreBroken, match="its name was changed, or exchanged"):
            list(OPERATIONS["collection.grant"](house, name="attacked", user="operator"))
        assert "its name was changed" in found(house)[f"collection {own}"][0]
    with open_house(state, Settings()) as house:
        closed = {record.id for record in house.collections.list() if house.documents.integrity.is_closed(record.id)}
        assert closed == ({own} if attack == "changed" else {own, other})


def test_an_original_changed_or_missing_is_found(shelves: Shelves) -> None:
    folder = shelves.house.state / "originals" / shelves.attacked.collection_id
    (folder / shelves.ids[0]).unlink()
    (folder / shelves.ids[1]).write_bytes((folder / shelves.ids[2]).read_bytes())
    reasons = found(shelves.house, is_quick=False)["collection attacked"]
    assert any(shelves.ids[0] in each and "missing" in each for each in reasons)
    assert any(shelves.ids[1] in each and "does not open" in each for each in reasons)


def test_an_earlier_version_of_a_documents_row_put_back_is_found(shelves: Shelves) -> None:
    house = shelves.house
    with house.engine.begin() as connection:
        old = dict(connection.execute(select(documents).where(documents.c.id == shelves.ids[0])).mappings().one())
    house.documents.move(shelves.attacked, shelves.ids[0], MovedTo("/s", "elsewhere.txt", "elsewhere.txt"))
    assert found(house) == {}
    with house.engine.begin() as connection:
        connection.execute(update(documents).where(documents.c.id == shelves.ids[0]).values(**old))
    assert "4 documents stand in the database, which are not the 4" in found(house)["collection attacked"][0]


def test_a_removed_document_put_back_with_its_passages_is_found(shelves: Shelves) -> None:
    house = shelves.house
    with house.engine.begin() as connection:
        row = dict(connection.execute(select(documents).where(documents.c.id == shelves.ids[0])).mappings().one())
        own = select(passages).where(passages.c.document_id == shelves.ids[0])
        parts = [dict(part) for part in connection.execute(own).mappings()]
    house.documents.forget(shelves.attacked, shelves.ids[:1])
    with house.engine.begin() as connection:
        connection.execute(insert(documents).values(**row))
        connection.execute(insert(passages), parts)
    assert "4 documents stand in the database, which are not the 3" in found(house)["collection attacked"][0]


@ON_BOTH_DATABASES
def test_an_older_copy_of_one_collection_is_found_and_not_written_to(shelves: Shelves) -> None:
    """All of its rows, its own among them, as they truly stood together before the last change."""
    house, own = shelves.house, shelves.attacked.collection_id
    with house.engine.begin() as connection:
        kept = {table: _rows(connection, table, own) for table in (documents, passages)}
        row = dict(connection.execute(select(collections).where(collections.c.id == own)).mappings().one())
    house.documents.forget(shelves.attacked, shelves.ids[:1])
    with house.engine.begin() as connection:
        connection.execute(delete(documents).where(documents.c.collection_id == own))
        connection.execute(update(collections).where(collections.c.id == own).values(**row))
        for table, rows in kept.items():
            connection.execute(insert(table), rows)
    with pytest.raises(OlderState, match=rf"collection:{own} is of epoch \d, but \d was written down"):
        put(house, shelves.attacked, 9)
    assert "was written down" in found(house)["collection attacked"][0]
    assert len(house.documents.documents(shelves.other)) == DOCUMENTS
    list(OPERATIONS["repair.collection"](house, name="attacked"))
    assert found(house, is_quick=False) == {}


def _rows(connection: Connection, table: object, collection_id: str) -> list[dict[str, object]]:
    query = select(table).where(table.c.collection_id == collection_id)  # type: ignore[attr-defined, call-overload]
    return [dict(row) for row in connection.execute(query).mappings()]


def test_a_collection_taken_out_is_named(shelves: Shelves) -> None:
    own = shelves.attacked.collection_id
    with shelves.house.engine.begin() as connection:
        connection.execute(delete(collections).where(collections.c.id == own))
    assert "taken out" in found(shelves.house)[f"collection:{own}"][0]


def test_a_removal_that_was_killed_before_its_epoch_went_is_no_attack(shelves: Shelves) -> None:
    own = shelves.attacked.collection_id
    OPERATIONS["collection.remove"](shelves.house, name="attacked").__next__()
    shelves.house.keyring.epochs.advance(f"collection:{own}", 9)
    assert found(shelves.house) == {}


def older_copy(state: Path) -> None:
    """Make changes, then put the database back as it was before them."""
    with open_house(state, Settings()) as house:
        shelves = Shelves(house)
        ada = house.directory.add_user("ada", "correct horse battery", Role.EMPLOYEE)
        house.directory.give(ada, shelves.attacked.collection_id, Right.READ)
    kept = _database_copy(state)
    with open_house(state, Settings()) as house:
        OPERATIONS["collection.revoke"](house, name="attacked", user="ada").__next__()
        house.documents.forget(shelves.attacked, shelves.ids[:1])
    for path in state.glob(f"{DATABASE}*"):
        path.unlink()
    kept.rename(state / DATABASE)


def _database_copy(state: Path) -> Path:
    with sqlite3.connect(state / DATABASE) as live, sqlite3.connect(state.with_name("kept.db")) as copy:
        live.backup(copy)
    return state.with_name("kept.db")


def test_an_older_database_gives_no_right_that_was_taken_and_takes_no_entry(
    process_as_it_was: None, state: Path
) -> None:
    older_copy(state)
    with open_house(state, Settings()) as house:
        with pytest.raises(OlderState, match=r"audit is of epoch \d+, but \d+ was written down"):
            house.audit.record(OPERATOR.user_id, "ask", "c1", "begun")
        with pytest.raises(OlderState, match="directory is of epoch"):
            house.directory.users()


def test_an_older_database_is_taken_over_on_demand_alone(process_as_it_was: None, state: Path) -> None:
    older_copy(state)
    with open_house(state, Settings()) as house:
        events = list(OPERATIONS["repair.older"](house))
        assert all(event["is_fine"] for event in events)
        assert [user.name for user in house.directory.users()] == ["ada"]
        assert house.audit.find("repair.older", "done")
    with open_house(state, Settings()) as house:
        assert (
            "its original is missing" in found(house, is_quick=False)["collection attacked"][0]
        )  # of what was removed
        list(OPERATIONS["repair.collection"](house, name="attacked"))
        assert found(house, is_quick=False) == {}


def test_a_whole_older_state_folder_is_found_by_the_anchor(process_as_it_was: None, tmp_path: Path) -> None:
    state, settings = tmp_path / "state", Settings(anchor=tmp_path / "elsewhere" / "anchor")
    initialise(state, settings)
    with open_house(state, settings) as house:
        house.audit.record(OPERATOR.user_id, "ask", "c1", "begun")
    shutil.copytree(state, tmp_path / "older")
    with open_house(state, settings) as house:
        house.audit.record(OPERATOR.user_id, "ask", "c1", "done")
    with open_house(tmp_path / "older", Settings()) as house:
        house.audit.last()  # without the anchor it looks like the present one
    with open_house(tmp_path / "older", settings) as house, pytest.raises(OlderState, match="of epoch 1, but 2"):
        house.audit.record(OPERATOR.user_id, "ask", "c1", "begun")


@pytest.mark.parametrize("what", ["epochs", "anchor"])
@pytest.mark.parametrize("attack", ["removed", "changed"])
def test_without_its_record_of_epochs_the_house_does_nothing(
    process_as_it_was: None, tmp_path: Path, what: str, attack: str
) -> None:
    state, settings = tmp_path / "state", Settings(anchor=tmp_path / "anchor")
    initialise(state, settings)
    with open_house(state, settings) as house:
        house.audit.record(OPERATOR.user_id, "ask", "c1", "begun")
    path = {"epochs": state / "keys" / "epochs", "anchor": tmp_path / "anchor"}[what]
    sealed = path.read_bytes()
    path.unlink()
    if attack == "changed":
        path.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
        path.chmod(0o600)
    with open_house(state, settings) as house, pytest.raises(OlderState, match=f"{path} (cannot be read|was changed)"):
        house.audit.record(OPERATOR.user_id, "ask", "c1", "begun")


def test_an_anchor_that_cannot_be_written_stops_nothing_and_is_told(process_as_it_was: None, tmp_path: Path) -> None:
    mount = tmp_path / "mount"
    settings = Settings(anchor=mount / "anchor")
    initialise(tmp_path / "state", Settings())
    with open_house(tmp_path / "state", settings) as house:
        house.audit.record(OPERATOR.user_id, "ask", "c1", "begun")
        assert house.keyring.epochs.trouble == ""
        shutil.rmtree(mount)
        mount.write_bytes(b"")
        house.audit.record(OPERATOR.user_id, "ask", "c1", "again")
        assert "anchor cannot be written" in house.keyring.epochs.trouble
        assert [e["is_fine"] for e in OPERATIONS["doctor"](house) if e["subject"] == "epochs"] == [False]
        mount.unlink()
        house.audit.record(OPERATOR.user_id, "ask", "c1", "done")
        assert house.keyring.epochs.trouble == ""


@ON_BOTH_DATABASES
def test_a_right_that_was_taken_and_put_back_is_not_given(shelves: Shelves) -> None:
    house, own = shelves.house, shelves.attacked.collection_id
    ada = house.directory.add_user("ada", "correct horse battery", Role.EMPLOYEE)
    house.directory.give(ada, own, Right.READ)
    with house.engine.begin() as connection:
        row = dict(connection.execute(select(grants).where(grants.c.user_id == ada)).mappings().one())
    house.directory.take(ada, own)
    with house.engine.begin() as connection:
        connection.execute(insert(grants).values(**row))
    with pytest.raises(SealBroken, match=f"grant of {ada} on {own}"):
        house.directory.rights(ada, own)
    with pytest.raises(SealBroken, match="users and grants"):
        house.directory.verify()
    events = list(OPERATIONS["repair.directory"](house))
    assert {"grant": "attacked", "user": "ada", "right": "read"} in events
    house.directory.take(ada, own)
    assert house.directory.rights(ada, own) == frozenset()


@pytest.mark.parametrize("change", ["disable", "set_password"])
def test_a_profile_put_back_as_it_was_signs_nobody_in(shelves: Shelves, change: str) -> None:
    house = shelves.house
    ada = house.directory.add_user("ada", "correct horse battery", Role.EMPLOYEE)
    with house.engine.begin() as connection:
        profile = connection.execute(select(users.c.profile).where(users.c.id == ada)).scalar_one()
    if change == "disable":
        house.directory.disable(ada)
    else:
        house.directory.set_password(ada, "another horse battery")
    with house.engine.begin() as connection:
        connection.execute(update(users).where(users.c.id == ada).values(profile=profile))
    with pytest.raises(SealBroken, match=f"user {ada}: the row was removed, or put back"):
        house.directory.check_password("ada", "correct horse battery")


def test_a_user_taken_out_and_a_roll_taken_out_are_seen(shelves: Shelves) -> None:
    house = shelves.house
    ada = house.directory.add_user("ada", "correct horse battery", Role.EMPLOYEE)
    with house.engine.begin() as connection:
        connection.execute(delete(users).where(users.c.id == ada))
    with pytest.raises(SealBroken, match=str(ada)):
        house.directory.users()
    with house.engine.begin() as connection:
        connection.execute(delete(roll))
    with pytest.raises(SealBroken, match="roll of users and grants was removed"):
        house.directory.verify()
