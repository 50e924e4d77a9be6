"""Claim: a stolen backup tells nothing without the keyring, and brings nothing back whose key was destroyed since."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from chat.admin.backup_operations import restored
from chat.admin.registry import OPERATIONS
from chat.assembly import House
from chat.backup.archive import read_head
from chat.conversations import ThreadId
from chat.errors import BackupBroken
from chat.opening import initialise, open_for_restore, open_house
from chat.settings import Settings
from rag.documents import Chunk, ParsedDocument
from rag.evaluating.question import Gold
from rag.store.reports import Report
from rag.store.tables import passages
from rag.store.values import NewDocument
from security.access import Right
from security.errors import KeyringLocked
from security.identity import OPERATOR, CollectionId, Role
from security.keyring import SYSTEM, collection_owner, person_owner
from tests.attacks.scan import Finding, scan, vector_blocks

pytestmark = pytest.mark.usefixtures("process_as_it_was")
PASSWORD = "correct horse battery"
WORDS = (
    "wombatnameofacollection", "quokkanameofaperson", "numbatpathofafile", "bilbytitleofadocument",
    "dingotextofapassage", "koalabytesofanoriginal", "emunameofaconversation", "echidnatextofamessage",
    "possumtextofacomment", "bandicootinthesettings", "quollinareport", "potorooinaquestion",
)  # fmt: skip
COLLECTION, PERSON, PATH, TITLE, TEXT, ORIGINAL, CONVERSATION, MESSAGE, COMMENT, SETTING, REPORTED, MEASURED = WORDS
VECTORS = np.random.default_rng(7).normal(size=(20, 384)).astype(np.float32)


@pytest.fixture
def house(process_as_it_was: None, tmp_path: Path) -> Iterator[House]:
    """A house in which every kind of content has a word of its own."""
    state = tmp_path / "state"
    initialise(state, Settings())
    (state / "huisclos.toml").write_text(f"# {SETTING}\n")
    with open_house(state, Settings()) as made:
        (collection,) = run(made, "collection.create", name=COLLECTION)
        run(made, "collection.create", name="other")
        grant = made.policy.grant(OPERATOR, CollectionId(collection["id"]), Right.MANAGE)
        chunks = tuple(Chunk(number, f"{TEXT} {number}", None, (TITLE,), 0, 9) for number in range(len(VECTORS)))
        parsed, content = ParsedDocument(TITLE, None, ()), f"{ORIGINAL} ".encode() * 9000
        made.documents.put(grant, NewDocument(f"/{PATH}", PATH, "text/plain", content, parsed, chunks, VECTORS))
        made.directory.add_user(PERSON, PASSWORD, Role.EMPLOYEE)
        person = made.directory.find_user(PERSON)
        assert person
        made.conversations.put(person.principal, ThreadId("t1"), CONVERSATION)
        made.conversations.put_step(person.principal, ThreadId("t1"), "s1", {"output": MESSAGE})
        made.conversations.rate(person.principal, "s1", 0, COMMENT)
        reading = made.policy.grant(OPERATOR, grant.collection_id, Right.READ)
        report = Report(False, REPORTED, REPORTED, REPORTED, "", "small", ())
        made.documents.quality.reports.send(reading, person.id, "s1", report)
        made.documents.quality.questions.add(grant, MEASURED, (Gold(MEASURED),))
        yield made


def run(house: House, operation: str, /, **arguments: str) -> list[dict[str, str]]:
    """The events of an operation, as the command line and the socket run it."""
    return list(OPERATIONS[operation](house, **arguments))


def found_in(path: Path) -> list[Finding]:
    return scan([path], (*WORDS, PASSWORD), vector_blocks(VECTORS))


def copied_keyring(house: House, state: Path) -> Path:
    shutil.copytree(house.state / "keys", state / "keys")
    return state


def test_nothing_readable_is_in_a_backup(house: House, tmp_path: Path) -> None:
    out = tmp_path / "backup"
    run(house, "backup", file=str(out))
    assert out.stat().st_size > 9000 * len(ORIGINAL)
    assert found_in(out) == []
    planted = tmp_path / "planted"
    planted.write_bytes(out.read_bytes() + MESSAGE.encode() + VECTORS.astype("<f2").tobytes())
    assert len(found_in(planted)) == 2


def test_the_head_tells_a_date_and_ids_and_no_more(house: House, tmp_path: Path) -> None:
    run(house, "backup", file=str(tmp_path / "backup"))
    with (tmp_path / "backup").open("rb") as file:
        head = read_head(file)
    wrapped = json.loads((house.state / "keys" / "keyring.json").read_text())["body"]["keys"]
    assert head.keyring in {key["commitment"] for key in wrapped if key["owner"] == "system"}
    assert set(head.__slots__) == {"id", "at", "keyring", "revision", "release"}


def test_neither_the_keyring_nor_its_secret_is_in_a_backup(house: House, tmp_path: Path) -> None:
    """Not under the seal either: what comes out of a restore has no key but those that were there before."""
    run(house, "backup", file=str(tmp_path / "backup"))
    state = copied_keyring(house, tmp_path / "new")
    before = {path.name: path.read_bytes() for path in (state / "keys").iterdir()}
    with open_for_restore(state, Settings()) as again:
        list(restored(again, tmp_path / "backup"))
    assert {path.name for path in (state / "keys").iterdir()} == set(before)
    content = b"".join(path.read_bytes() for path in state.rglob("*") if path.is_file() and path.parent.name != "keys")
    for key in json.loads(before["keyring.json"])["body"]["keys"]:
        assert bytes.fromhex(key["sealed"]) not in content
        assert key["sealed"].encode() not in content
    assert before["root.key"] not in content


def test_the_keyring_of_another_house_opens_nothing_even_with_a_forged_head(house: House, tmp_path: Path) -> None:
    out, other = tmp_path / "backup", tmp_path / "other"
    run(house, "backup", file=str(out))
    initialise(other, Settings())
    with open_for_restore(other, Settings()) as thief:
        with pytest.raises(KeyringLocked, match="another keyring"):
            list(restored(thief, out))
        (theirs,), (ours,) = thief.keyring.commitments(SYSTEM), house.keyring.commitments(SYSTEM)
        out.write_bytes(out.read_bytes().replace(ours.encode(), theirs.encode(), 1))
        with pytest.raises(BackupBroken, match="not whole"):
            list(restored(thief, out))
        assert thief.collections.list() == ()


def test_a_collection_that_was_shredded_since_does_not_come_back(house: House, tmp_path: Path) -> None:
    out, found = tmp_path / "backup", house.collections.find(COLLECTION)
    assert found
    values = sealed_values(house)
    assert len(values) == 2 * len(VECTORS)
    run(house, "backup", file=str(out))
    run(house, "keys.shred_collection", name=COLLECTION)
    state = copied_keyring(house, tmp_path / "new")
    with open_for_restore(state, Settings()) as again:
        told = list(restored(again, out))[-1]
        assert told["left_out"] == {"collections": [found.id], "people": []}
        assert (told["collections"], told["documents"], told["passages"], told["damaged"]) == (1, 0, 0, [])
        assert [record.name for record in again.collections.list()] == ["other"]
        assert again.directory.grantees(found.id) == ()
        assert not again.keyring.has(collection_owner(found.id))
    assert not list((state / "originals").rglob("*"))
    left = b"".join(path.read_bytes() for path in state.rglob("*") if path.is_file())
    assert [value for value in values if value in left] == []


def sealed_values(house: House) -> list[bytes]:
    with house.engine.connect() as connection:
        return [value for row in connection.execute(select(passages.c.body, passages.c.vector)) for value in row]


def test_a_person_who_was_shredded_since_does_not_come_back(house: House, tmp_path: Path) -> None:
    out, person = tmp_path / "backup", house.directory.find_user(PERSON)
    assert person
    run(house, "backup", file=str(out))
    run(house, "keys.shred_person", name=PERSON)
    state = copied_keyring(house, tmp_path / "new")
    with open_for_restore(state, Settings()) as again:
        told = list(restored(again, out))[-1]
        assert told["left_out"] == {"collections": [], "people": [person.id]}
        assert again.directory.users() == ()
        assert again.directory.check_password(PERSON, PASSWORD) is None
        assert again.conversations.list(person.principal) == ()
        assert not again.keyring.has(person_owner(person.id))


def test_what_was_sealed_anew_since_does_not_open_from_an_older_backup(house: House, tmp_path: Path) -> None:
    out, found = tmp_path / "backup", house.collections.find(COLLECTION)
    assert found
    run(house, "backup", file=str(out))
    run(house, "keys.rotate", name=COLLECTION)
    state = copied_keyring(house, tmp_path / "new")
    with open_for_restore(state, Settings()) as again:
        told = list(restored(again, out))[-1]
        assert told["left_out"] == {"collections": [found.id], "people": []}
        assert [record.name for record in again.collections.list()] == ["other"]
        assert again.keyring.has(collection_owner(found.id))
    run(house, "backup", file=str(out))
    newer = copied_keyring(house, tmp_path / "newer")
    with open_for_restore(newer, Settings()) as again:
        assert list(restored(again, out))[-1]["documents"] == 1


def test_the_keyring_of_the_day_brings_back_what_was_shredded_since(house: House, tmp_path: Path) -> None:
    """What makes it so that copies of the keyring are kept apart and for a shorter time."""
    out, state = tmp_path / "backup", copied_keyring(house, tmp_path / "new")
    run(house, "backup", file=str(out))
    run(house, "keys.shred_collection", name=COLLECTION)
    with open_for_restore(state, Settings()) as again:
        assert list(restored(again, out))[-1]["documents"] == 1
