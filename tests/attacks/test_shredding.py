"""Claim: what a destroyed key sealed opens no more, not in older copies either, and an unforgeable receipt says so."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from chat.admin.registry import OPERATIONS
from chat.assembly import House
from chat.conversations import ThreadId
from chat.opening import initialise, open_house
from chat.settings import Settings, Store
from rag.documents import Chunk, DocumentId, ParsedDocument
from rag.store.reports import Report
from rag.store.values import NewDocument
from security.access import Grant, Right
from security.errors import KeyMissing, SealBroken
from security.identity import OPERATOR, CollectionId, Principal, Role
from security.keyring import collection_owner
from security.receipts import verify_receipt
from security.sealing import HEADER_BYTES
from tests.postgresql import ON_BOTH_DATABASES

pytestmark = pytest.mark.usefixtures("process_as_it_was")
TEXT = "The wombat of the archive sleeps by day."


@pytest.fixture
def house(process_as_it_was: None, tmp_path: Path, store: Store) -> Iterator[House]:
    state, settings = tmp_path / "state", Settings(store=store)
    initialise(state, settings)
    with open_house(state, settings) as opened:
        yield opened


def run(house: House, operation: str, /, **arguments: str) -> list[dict[str, object]]:
    """The events of an operation, as the command line and the socket run it."""
    return list(OPERATIONS[operation](house, **arguments))


def filled(house: House, name: str, documents: int = 1) -> tuple[Grant, list[DocumentId]]:
    """A collection with documents of one passage each."""
    (made,) = run(house, "collection.create", name=name)
    grant = house.policy.grant(OPERATOR, CollectionId(str(made["id"])), Right.MANAGE)
    vector = np.eye(1, 384, dtype=np.float32)
    ids = []
    for number in range(documents):
        chunk = Chunk(0, f"{TEXT} {number}", None, (), 0, 9)
        new = NewDocument(
            "/s", f"{number}.txt", "text/plain", TEXT.encode(), ParsedDocument("T", None, ()), (chunk,), vector
        )
        ids.append(house.documents.put(grant, new)[0])
    return grant, ids


def sealed_values(house: House, table: str) -> list[bytes]:
    with house.engine.connect() as connection:
        rows = connection.exec_driver_sql(f"SELECT * FROM {table}").all()
    return [value for row in rows for value in row if isinstance(value, bytes) and len(value) > 60]


def live_bytes(house: House) -> bytes:
    return b"".join(path.read_bytes() for path in house.state.rglob("*") if path.is_file())


def test_an_older_copy_of_the_data_does_not_open_with_the_keyring_of_now(tmp_path: Path) -> None:
    state, older = tmp_path / "state", tmp_path / "older"
    initialise(state, Settings())
    with open_house(state, Settings()) as house:
        grant, ids = filled(house, "archive")
        assert b"".join(house.documents.original(grant, ids[0])) == TEXT.encode()
    shutil.copytree(state, older)
    with open_house(state, Settings()) as house:
        run(house, "keys.shred_collection", name="archive")
    shutil.copy(state / "keys" / "keyring.json", older / "keys" / "keyring.json")
    with open_house(older, Settings()) as house:
        assert house.collections.list() == ()
        grant = house.policy.for_indexing(grant.collection_id)
        with pytest.raises(KeyMissing, match="destroyed"):
            next(house.documents.entries.all(grant))


def test_nothing_that_the_key_sealed_lies_in_the_live_files(house: House) -> None:
    grant, _ = filled(house, "archive", 5)
    reading = house.policy.grant(OPERATOR, grant.collection_id, Right.READ)
    report = Report(False, "so it does not", "Does it sleep?", TEXT, "", "small", ())
    house.documents.quality.reports.send(reading, OPERATOR.user_id, "message", report)
    values = [value for table in ("passages", "documents", "reports") for value in sealed_values(house, table)]
    assert len(values) >= 11
    assert all(value in live_bytes(house) for value in values)
    run(house, "keys.shred_collection", name="archive")
    left = live_bytes(house)
    assert [value for value in values if value in left] == []
    assert not list((house.state / "originals").rglob("*.*"))


@pytest.mark.model
def test_a_removed_document_leaves_no_value_that_its_living_key_opens(house: House, tmp_path: Path) -> None:
    """Pages as they were before lie in the database's log too."""
    folder = tmp_path / "empty"
    folder.mkdir()
    grant, ids = filled(house, "archive", 3)
    values = set(sealed_values(house, "passages") + sealed_values(house, "documents"))
    house.documents.forget(grant, ids[:1])
    kept = set(sealed_values(house, "passages") + sealed_values(house, "documents"))
    run(house, "collection.load", name="archive", path=str(folder))
    left = live_bytes(house)
    assert len(values - kept) == 3
    assert [value for value in values - kept if value in left] == []
    assert ids[0].encode() not in left


@ON_BOTH_DATABASES
def test_a_persons_conversations_go_with_their_key(house: House) -> None:
    ada = Principal(house.directory.add_user("ada", "correct horse battery", Role.EMPLOYEE), Role.EMPLOYEE)
    eve = Principal(house.directory.add_user("eve", "correct horse battery", Role.EMPLOYEE), Role.EMPLOYEE)
    for person in (ada, eve):
        house.conversations.put(person, ThreadId(f"t-{person.user_id}"), "about the wombat")
    token = house.directory.open_session(ada)
    run(house, "keys.shred_person", name="ada")
    assert house.directory.session(token) is None
    with pytest.raises(KeyMissing, match="destroyed"):
        house.keyring.for_person(ada)
    assert house.conversations.list(ada) == ()
    assert [thread.name for thread in house.conversations.list(eve)] == ["about the wombat"]


@ON_BOTH_DATABASES
def test_a_receipt_says_what_went_and_which_backups_hold_it(house: House) -> None:
    grant, _ = filled(house, "archive")
    list(house.documents.reseal(grant))
    (backup,) = run(house, "keys.backup")
    owner = collection_owner(grant.collection_id)
    commitments = house.keyring.commitments(owner)
    (event,) = run(house, "keys.shred_collection", name="archive")
    receipt = json.loads(json.dumps(event["receipt"]))
    public = house.keyring.for_audit().signing_public_key
    verify_receipt(receipt, public)
    assert (receipt["destroyed"], receipt["by"], receipt["commitments"]) == (owner, "operator", list(commitments))
    assert [held["backup"] for held in receipt["held_by"]] == [backup["id"]]
    wrapped = json.loads(str(backup["keyring"]))["body"]["keys"]
    assert set(commitments) <= {key["commitment"] for key in wrapped}
    kept = house.state / "receipts" / f"collection-{grant.collection_id}.json"
    assert json.loads(kept.read_text()) == receipt
    assert "archive" not in kept.read_text()


@ON_BOTH_DATABASES
@pytest.mark.parametrize("kind", ["collection", "person"])
def test_a_receipt_says_which_backups_of_the_data_hold_the_sealed_bytes(
    house: House, tmp_path: Path, kind: str
) -> None:
    """Not those from before there was anything; those that were killed, whose file may be there, among them."""
    before = backed_up(house, tmp_path / "before")
    if kind == "person":
        run(house, "user.add", name="archive", password="correct horse battery")
        held = [backed_up(house, tmp_path / "with")]
    else:
        filled(house, "archive")
        held = [backed_up(house, tmp_path / "with")]
    house.audit.record(OPERATOR.user_id, "backup", "killed", "begun")
    stop_backup(house, tmp_path / "stopped")
    held += ["killed", backed_up(house, tmp_path / "again")]
    (event,) = run(house, f"keys.shred_{kind}", name="archive")
    receipt = json.loads(json.dumps(event["receipt"]))
    assert [each["backup"] for each in receipt["data_backups"]] == held
    assert before not in held
    assert receipt["held_by"] == []
    times = {object_id: at for at, object_id in house.audit.find("backup", "done")}
    assert receipt["data_backups"][0]["at"] == times[held[0]].isoformat(timespec="seconds")


def test_a_backup_whose_caller_went_at_its_last_word_is_named_too(house: House, tmp_path: Path) -> None:
    filled(house, "archive")
    events = OPERATIONS["backup"](house, file=str(tmp_path / "backup"))
    made = next(event for event in events if "id" in event)
    events.close()  # type: ignore[attr-defined]  # a generator
    assert (tmp_path / "backup").exists()
    (event,) = run(house, "keys.shred_collection", name="archive")
    receipt = json.loads(json.dumps(event["receipt"]))
    assert [each["backup"] for each in receipt["data_backups"]] == [made["id"]]


def backed_up(house: House, file: Path) -> str:
    """The id of a backup that was made."""
    return str(run(house, "backup", file=str(file))[-1]["id"])


def stop_backup(house: House, file: Path) -> None:
    """One that ends before its file is whole."""
    file.mkdir()
    with pytest.raises(OSError, match="directory"):
        run(house, "backup", file=str(file))


@ON_BOTH_DATABASES
def test_what_the_administrator_of_a_server_is_told_to_do_clears_the_rest(
    house: House, stored: Callable[[], bytes]
) -> None:
    """SQLite's file is cleared at once; a server's files when VACUUM FULL has run, as docs/postgresql.md tells."""
    filled(house, "before", 3)
    others = set(sealed_values(house, "passages") + sealed_values(house, "documents"))
    filled(house, "archive", 5)
    values = set(sealed_values(house, "passages") + sealed_values(house, "documents")) - others
    filled(house, "after", 3)
    assert all(value in stored() for value in values)
    (event,) = run(house, "keys.shred_collection", name="archive")
    is_server = bool(house.settings.store.database)
    assert ("VACUUM FULL" in str(event.get("remains"))) == is_server
    if is_server:
        with house.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM FULL")
    left = stored()
    assert len(values) == 15
    assert [value for value in values if value in left] == []
    assert all(value in left for value in others)


@pytest.mark.parametrize(
    "field",
    ["destroyed", "commitments", "at", "by", "held_by", "data_backups", "begun_at", "public_key", "signature", "more"],
)
def test_a_receipt_that_was_changed_is_refused(house: House, field: str) -> None:
    filled(house, "archive")
    run(house, "keys.backup")
    (event,) = run(house, "keys.shred_collection", name="archive")
    receipt = json.loads(json.dumps(event["receipt"]))
    public = house.keyring.for_audit().signing_public_key
    receipt[field] = receipt["signature"][::-1] if field == "signature" else ["x"]
    with pytest.raises(SealBroken):
        verify_receipt(receipt, public)


def test_a_receipt_of_another_house_is_refused(house: House) -> None:
    filled(house, "archive")
    (event,) = run(house, "keys.shred_collection", name="archive")
    with pytest.raises(SealBroken, match="another house"):
        verify_receipt(json.loads(json.dumps(event["receipt"])), bytes(range(32)))


def test_after_a_rotation_the_values_of_before_are_not_in_the_files(house: House) -> None:
    grant, _ = filled(house, "archive", 3)
    values = sealed_values(house, "passages")
    events = run(house, "keys.rotate", name="archive")
    assert events[-1] == {"collection": "archive", "version": 2}
    left = live_bytes(house)
    assert [value for value in values if value in left] == []
    assert all(
        house.keyring.for_grant(grant).is_current(value[:HEADER_BYTES]) for value in sealed_values(house, "passages")
    )
