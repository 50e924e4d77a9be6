"""docs/storage-format.md is enough: a house that we wrote is opened here with the primitives that it names."""

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chat.admin.registry import OPERATIONS
from chat.conversations import ThreadId
from chat.opening import initialise, open_house
from chat.settings import Settings
from rag.documents import Chunk, ParsedDocument
from rag.evaluating.evaluation import Circumstances
from rag.evaluating.question import Gold
from rag.personal.marking import marked
from rag.store.jobs import JobKind
from rag.store.reports import Report
from rag.store.values import KeptOut, NewDocument
from security.access import Right
from security.identity import OPERATOR, CollectionId, Principal, Role, UserId
from security.passwords import Argon2Cost
from security.slots import Passphrase
from security.withheld import Withheld

TEXT, PHRASE = "The wombat sleeps by day, ada@example.com.", "correct horse battery"
LARGE = bytes(range(256)) * 700


def framed(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def hkdf(key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt or None, info).derive(key)


def sub(key: bytes, purpose: bytes) -> bytes:
    return hkdf(key, b"", framed(b"huisclos sub-key", purpose))


def blind(key: bytes, label: bytes, data: bytes) -> bytes:
    return hmac.digest(sub(key, b"blind"), framed(label, data), hashlib.sha256)


def looked_up(kept: bytes, label: bytes, data: bytes) -> bytes:
    """As `blind`, with what version 0 holds."""
    return hmac.digest(kept, framed(label, data), hashlib.sha256)


def associated(what: bytes, form: int, owner: str, version: bytes, context: tuple[str, str, str]) -> bytes:
    return framed(what, bytes([form]), owner.encode(), version, *(part.encode() for part in context))


def value(sealed: bytes, keys: dict[int, bytes], owner: str, *context: str) -> bytes:
    form, version, nonce, body = sealed[0], sealed[1:5], sealed[5:17], sealed[17:]
    assert form == 1
    data = associated(b"huisclos value", 1, owner, version, context)  # type: ignore[arg-type]  # three of them
    return AESGCM(sub(keys[int.from_bytes(version, "big")], b"value")).decrypt(nonce, body, data)


def stream(sealed: bytes, keys: dict[int, bytes], owner: str, *context: str) -> bytes:
    form, version, salt, rest = sealed[0], sealed[1:5], sealed[5:37], sealed[37:]
    assert form == 2
    info = associated(b"huisclos stream", 2, owner, version, context)  # type: ignore[arg-type]  # three of them
    cipher = AESGCM(hkdf(sub(keys[int.from_bytes(version, "big")], b"stream"), salt, info))
    size, opened = 65_536 + 16, b""
    blocks = [rest[start : start + size] for start in range(0, len(rest), size)]
    for number, block in enumerate(blocks):
        nonce = bytes(7) + number.to_bytes(4, "big") + bytes([number == len(blocks) - 1])
        opened += cipher.decrypt(nonce, block, None)
    return opened


def canonical(body: dict[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


class Opened:
    """A state folder read by the page."""

    def __init__(self, state: Path, passphrase: str) -> None:
        self.state = state
        file = json.loads((state / "keys" / "keyring.json").read_text())
        self.body = file["body"]
        (slot,) = self.body["slots"]
        cost = slot["argon2id"]
        sizes = {"iterations": cost["passes"], "lanes": cost["lanes"], "memory_cost": cost["memory_kib"]}
        stretched = Argon2id(salt=bytes.fromhex(slot["salt"]), length=32, **sizes).derive(passphrase.encode())
        assert blind(stretched, b"commitment", slot["id"].encode()).hex() == slot["commitment"]
        wrapped, place = bytes.fromhex(slot["wrapped"]), ("slot", slot["id"], "root")
        self.root = value(wrapped, {1: stretched}, f"slot:{slot['id']}", *place)
        assert blind(self.root, b"keyring file", canonical(self.body)).hex() == file["mac"]

    def keys(self, owner: str) -> dict[int, bytes]:
        found = {}
        for key in self.body["keys"]:
            if key["owner"] == owner:
                place, version = ("keyring", owner, str(key["version"])), key["version"]
                found[version] = value(bytes.fromhex(key["sealed"]), {1: self.root}, "root", *place)
                mark = blind(found[version], b"commitment", str(version).encode())
                assert mark.hex() == key["commitment"]
        return found

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        connection = sqlite3.connect(self.state / "truth.db")
        connection.row_factory = sqlite3.Row
        yield from map(dict, connection.execute(f"SELECT * FROM {table}"))
        connection.close()


@pytest.fixture
def state(process_as_it_was: None, tmp_path: Path) -> Path:
    """A house that somebody used: a document, a rotation, a conversation, a shredded collection."""
    folder, settings = tmp_path / "state", Settings()
    secret = Passphrase(Withheld(PHRASE), Argon2Cost(memory_kib=64, passes=1, lanes=1))
    initialise(folder, settings, secret)
    with open_house(folder, settings, secret) as house:
        for name in ("archive", "other"):
            list(OPERATIONS["collection.create"](house, name))
        record = house.collections.find("archive")
        assert record
        grant = house.policy.grant(OPERATOR, CollectionId(record.id), Right.MANAGE)
        chunks = marked(TEXT, [Chunk(0, TEXT, 3, ("Animals",), 0, len(TEXT))])
        vectors = np.eye(1, 384, dtype=np.float32)
        house.documents.put(
            grant, NewDocument("/s", "a.txt", "text/plain", LARGE, ParsedDocument("T", 3, ()), chunks, vectors)
        )
        house.jobs.submit(grant, JobKind.LOAD, "/srv/load")
        out = KeptOut("b.bin", "rejected", "a program", datetime.now(UTC))
        house.documents.kept_out.note(grant, "/s", "b.bin", out)
        quality = house.documents.quality
        reading = house.policy.grant(OPERATOR, grant.collection_id, Right.READ)
        report = Report(False, "It is 30.", "How many?", "It is 25.", "", "small", ())
        quality.reports.send(reading, UserId("bob"), "m1", report)
        quality.questions.add(grant, "How many?", (Gold("a.txt", 3, "30 wombats"),), answers=["30"])
        quality.evaluations.add(grant, Circumstances(1, 1, "aa", "e5", "", "0.1.0"), (), is_answered=False)
        given: dict[str, Any] = {"kind": "folder", "address": "/srv/share", "secret": "wombat-pass"}
        list(OPERATIONS["source.add"](house, "archive", **given))
        list(house.documents.reseal(grant))
        ada = Principal(house.directory.add_user("ada", "correct horse battery", Role.EMPLOYEE), Role.EMPLOYEE)
        house.conversations.put(ada, ThreadId("t1"), "about the wombat")
        list(OPERATIONS["group.add"](house, "keepers"))
        list(OPERATIONS["group.join"](house, "keepers", ["ada"]))
        list(OPERATIONS["collection.grant"](house, "archive", group="keepers"))
        list(OPERATIONS["keys.shred_collection"](house, "other"))
    return folder


def test_a_house_opens_with_what_the_page_says(state: Path) -> None:
    house = Opened(state, PHRASE)
    system, audit = house.keys("system"), house.keys("audit")
    (collection,) = house.rows("collections")
    assert value(collection["name"], system, "system", "collections", collection["id"], "name") == b"archive"
    assert collection["name_key"] == blind(system[1], b"collection name", b"archive")

    owner = f"collection:{collection['id']}"
    keys = house.keys(owner)
    assert set(keys) == {0, 2}
    (document,), (passage,) = house.rows("documents"), house.rows("passages")
    about = json.loads(value(document["about"], keys, owner, "documents", document["id"], "about"))
    assert (about["path"], about["title"], about["pages"]) == ("a.txt", "T", 3)
    assert about["identifiers"] == {"counts": {"email": 1}, "passages": 1}
    digest = framed(b"content", hashlib.sha256(LARGE).digest())
    assert document["content_key"] == hmac.digest(keys[0], digest, hashlib.sha256)
    columns = (document[name] for name in ("place_key", "source_key", "content_key"))
    assert about["row"] == looked_up(keys[0], b"document row", framed(collection["id"].encode(), *columns)).hex()
    parts = framed(document["id"].encode(), passage["id"].encode())
    assert about["passage_ids"] == looked_up(keys[0], b"passages", parts).hex()
    state_of = json.loads(value(collection["state"], keys, owner, "collections", collection["id"], "state"))
    known = value(document["about"], keys, owner, "documents", document["id"], "about")
    mark = looked_up(keys[0], b"document", framed(document["id"].encode(), known))
    (job,), (kept_out,) = house.rows("jobs"), house.rows("kept_out")
    assert state_of.pop("jobs") == [job["id"]]
    told = json.loads(value(job["about"], keys, owner, "jobs", job["id"], "about"))
    assert (told["kind"], told["target"], told["state"]) == ("load", "/srv/load", "waiting")
    told = json.loads(value(kept_out["about"], keys, owner, "kept_out", kept_out["id"], "about"))
    columns = (kept_out[name] for name in ("place_key", "source_key"))
    assert told["row"] == looked_up(keys[0], b"kept out row", framed(collection["id"].encode(), *columns)).hex()
    assert (told["doc"], told["reason"]) == ("b.bin", "a program")
    (report,), (question,), (run,) = (house.rows(table) for table in ("reports", "questions", "evaluations"))
    told = json.loads(value(report["about"], keys, owner, "reports", report["id"], "about"))
    assert (told["question"], told["comment"], told["is_helpful"]) == ("How many?", "It is 30.", False)
    assert report["id"] == looked_up(keys[0], b"report", framed(b"bob", b"m1"))[:16].hex()
    assert told["sender"] == looked_up(keys[0], b"report sender", framed(b"bob", told["day"].encode())).hex()
    told = json.loads(value(question["about"], keys, owner, "questions", question["id"], "about"))
    assert (told["text"], told["golds"]) == ("How many?", [["a.txt", 3, "30 wombats"]])
    assert told["answers"] == ["30"]
    told = json.loads(value(run["about"], keys, owner, "evaluations", run["id"], "about"))
    assert (told["is_answered"], told["circumstances"]["embedder"]) == (False, "e5")
    (source,) = state_of.pop("sources")
    assert (source["kind"], source["address"], source["secret"]) == ("folder", "/srv/share", "wombat-pass")
    assert set(source) == {"id", "kind", "address", "user", "secret", "options", "every_minutes", "last", "rights"}
    decided = {"personal_data": "keep", "originals": "serve"}
    assert state_of == {"epoch": collection["epoch"], "documents": 1, "total": mark.hex(), **decided}
    row = f"{document['id']}/{passage['id']}"
    body = json.loads(value(passage["body"], keys, owner, "passages", row, "body"))
    assert (body["text"], body["page"], body["headings"]) == (TEXT, 3, ["Animals"])
    assert body["identifiers"] == [[26, 41, "email"]]
    vector = np.frombuffer(value(passage["vector"], keys, owner, "passages", row, "vector"), "<f2")
    assert (vector.shape, float(vector[0])) == ((384,), 1.0)
    original = (state / "originals" / collection["id"] / document["id"]).read_bytes()
    assert stream(original, keys, owner, "originals", document["id"], "content") == LARGE

    (user,), (thread,) = house.rows("users"), house.rows("threads")
    assert b"ada" in value(user["profile"], system, "system", "users", user["id"], "profile")
    assert user["name_key"] == blind(system[1], b"user name", b"ada")
    mine = f"person:{user['id']}"
    assert b"about the wombat" in value(thread["about"], house.keys(mine), mine, "threads", "t1", "about")
    for grant in house.rows("grants"):
        parts = framed(*(grant[name].encode() for name in ("user_id", "collection_id", "right")))
        assert grant["proof"] == blind(system[1], b"grant", parts)
    (group,), (membership,), (held,) = house.rows("groups"), house.rows("memberships"), house.rows("group_grants")
    about = json.loads(value(group["about"], system, "system", "groups", group["id"], "about"))
    assert about == {"name": "keepers"}
    assert group["name_key"] == blind(system[1], b"group name", b"keepers")
    joined = framed(group["id"].encode(), user["id"].encode())
    assert membership["proof"] == blind(system[1], b"membership", joined)
    given = framed(group["id"].encode(), collection["id"].encode(), b"read")
    assert held["proof"] == blind(system[1], b"group grant", given)
    profile = hashlib.sha256(user["profile"]).digest()
    marks = [blind(system[1], b"user row", framed(user["id"].encode(), user["name_key"], profile))]
    digest = hashlib.sha256(group["about"]).digest()
    marks += [blind(system[1], b"group row", framed(group["id"].encode(), group["name_key"], digest))]
    marks += [row["proof"] for row in (*house.rows("grants"), membership, held)]
    (roll,) = house.rows("roll")
    listed = json.loads(value(roll["sealed"], system, "system", "roll", "1", "sealed"))
    total = sum(int.from_bytes(mark, "big") for mark in marks) % 2**256
    assert (listed["count"], int(listed["total"], 16)) == (len(marks), total)
    epochs = value((state / "keys" / "epochs").read_bytes(), system, "system", "epochs", "1", "sealed")
    numbers = json.loads(epochs)["epochs"]
    assert numbers.pop("audit") == max(entry["seq"] for entry in house.rows("audit"))
    (tally,) = house.rows("tallies")
    counted = json.loads(value(tally["sealed"], house.keys(mine), mine, "tallies", user["id"], "sealed"))
    parts = framed(
        b"threads", *(thread[name].encode() for name in ("id", "user_id", "created_at")), thread["about"][:17]
    )
    mark = blind(house.keys(mine)[1], b"conversation row", parts)
    assert counted == {"epoch": 1, "count": 1, "total": mark.hex(), "is_lost": False}
    assert numbers == {
        "directory": listed["epoch"],
        f"collection:{collection['id']}": collection["epoch"],
        mine: counted["epoch"],
    }

    last = bytes(32)
    for entry in house.rows("audit"):
        words = (str(entry[name]).encode() for name in ("seq", "at", "actor", "action", "object_id", "outcome"))
        last = blind(audit[1], b"audit entry", framed(*words, last))
        assert entry["mac"] == last
    (head,) = house.rows("audit_head")
    sealed = json.loads(value(head["sealed"], audit, "audit", "audit_head", "1", "sealed"))
    assert sealed["mac"] == last.hex()


def test_a_receipt_is_checked_with_what_the_page_says(state: Path) -> None:
    (path,) = (state / "receipts").iterdir()
    receipt = json.loads(path.read_text())
    signature = bytes.fromhex(receipt.pop("signature"))
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(receipt["public_key"])).verify(signature, canonical(receipt))


def records(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kinds with bodies, as records and cells alike have them."""
    while content:
        end = 5 + int.from_bytes(content[1:5], "big")
        yield content[:1], content[5:end]
        content = content[end:]


def test_a_backup_opens_with_what_the_page_says(state: Path, tmp_path: Path) -> None:
    secret, house = Passphrase(Withheld(PHRASE)), Opened(state, PHRASE)
    with open_house(state, Settings(), secret) as opened:
        list(OPERATIONS["backup"](opened, file=str(tmp_path / "backup")))
    content = (tmp_path / "backup").read_bytes()
    start = 20 + int.from_bytes(content[16:20], "big")
    assert content[:16] == b"huisclos-backup\1"
    head = json.loads(content[20:start])
    assert head["keyring"] == [key["commitment"] for key in house.body["keys"] if key["owner"] == "system"][-1]
    place = ("backups", hashlib.sha256(content[:start]).hexdigest(), "content")
    tables: dict[str, list[dict[str, bytes]]] = {}
    files: dict[str, bytes] = {}
    table, columns, path, end = "", (), "", {}
    for kind, body in records(stream(content[start:], house.keys("system"), "system", *place)):
        match kind:
            case b"T":
                table, columns = json.loads(body)["table"], json.loads(body)["columns"]
                tables[table] = []
            case b"R":
                cells = [cell for _, cell in records(body)]
                tables[table].append(dict(zip(columns, cells, strict=True)))
            case b"F":
                path = body.decode()
                files[path] = b""
            case b"P":
                files[path] += body
            case b"E":
                assert hashlib.sha256(files[path]).digest() == body
            case b"M":
                end = json.loads(body)
    assert end["rows"] == {name: len(rows) for name, rows in tables.items()}
    assert end["files"] == len(files)
    assert end["size"] == sum(map(len, files.values()))
    (passage,) = tables["passages"]
    owner = f"collection:{passage['collection_id'].decode()}"
    row = f"{passage['document_id'].decode()}/{passage['id'].decode()}"
    assert TEXT.encode() in value(passage["body"], house.keys(owner), owner, "passages", row, "body")
    document = passage["document_id"].decode()
    original = files[f"originals/{passage['collection_id'].decode()}/{document}"]
    assert stream(original, house.keys(owner), owner, "originals", document, "content") == LARGE


def test_every_column_of_the_truth_stands_on_the_page(state: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "storage-format.md").read_text()
    connection = sqlite3.connect(state / "truth.db")
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        for _, column, kind, *_ in connection.execute(f"PRAGMA table_info({table})"):
            if kind in ("BLOB", "LargeBinary") and column not in ("token_hash",):
                assert f"{table}.{column}" in page or (f"{table}." in page and column in page), f"{table}.{column}"
    connection.close()
