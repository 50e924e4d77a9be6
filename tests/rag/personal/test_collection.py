"""A collection keeps, masks or refuses personal data, and what is not understood serves nothing."""

import json
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import select, update

from rag.documents import DocumentInfo, PassageId
from rag.errors import OriginalWithheld, PolicyUnknown, StoreBroken
from rag.personal.kinds import Identifiers, Kind
from rag.personal.policy import Policy
from rag.store.state import state_context
from rag.store.tables import collections, documents, passages
from security.keyring import collection_owner
from tests.postgresql import ON_BOTH_DATABASES
from tests.rag.conftest import Shelf

pytestmark = ON_BOTH_DATABASES
MAIL, PHONE = "jean@example.com", "06 12 34 56 78"
HELD = Identifiers(((Kind.PHONE, 1), (Kind.EMAIL, 1)), 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "documents"
    root.mkdir()
    (root / "jean.txt").write_text(f"Jean keeps wombats. Call {PHONE} or write to {MAIL}.")
    (root / "plain.txt").write_text("Wombats sleep by day.")
    return root


def info(shelf: Shelf, path: str = "jean.txt") -> DocumentInfo:
    return next(each for each in shelf.documents.documents(shelf.managing) if each.path == path)


def state_says(shelf: Shelf, **values: object) -> None:
    """Seal something else into the collection's state, as a release of tomorrow might."""
    key = shelf.keyring.for_grant(shelf.managing)
    with shelf.engine.begin() as connection:
        sealed = connection.execute(select(collections.c.state)).scalar_one()
        content = json.loads(key.open(sealed, state_context(shelf.collection_id))) | values
        sealed = key.seal(json.dumps(content).encode(), state_context(shelf.collection_id))
        connection.execute(update(collections).values(state=sealed))


def test_identifiers_are_counted_for_each_document_and_kept_by_default(shelf: Shelf, folder: Path) -> None:
    shelf.load(folder)
    assert shelf.documents.policy(shelf.reading) is Policy.KEEP
    assert info(shelf).identifiers == HELD
    assert info(shelf, "plain.txt").identifiers == Identifiers()
    assert PHONE in shelf.find("wombats")["jean.txt"]


def test_a_mask_is_on_all_that_is_read_and_on_nothing_that_is_searched(shelf: Shelf, folder: Path) -> None:
    (folder / "jean.txt").rename(folder / f"{MAIL} wombats.txt")
    shelf.load(folder)
    shelf.documents.decide(shelf.managing, Policy.MASK)
    found = shelf.find("0612345678 06 12 34")
    assert found == {"[EMAIL] wombats.txt": "Jean keeps wombats. Call [PHONE] or write to [EMAIL]."}
    (passage,) = [
        each
        for each in shelf.documents.passages(shelf.reading, [PassageId(name) for name in _ids(shelf)])
        if "Jean" in each.chunk.text
    ]
    assert shelf.documents.around(shelf.reading, passage) == (passage,)
    assert shelf.documents.document(shelf.reading, passage.document.id).title == "[EMAIL] wombats.txt"
    assert {each.path for each in shelf.documents.documents(shelf.reading)} == {"[EMAIL] wombats.txt", "plain.txt"}
    with pytest.raises(OriginalWithheld):
        shelf.documents.original(shelf.reading, passage.document.id)
    assert set(shelf.states(folder).values()) == {"unchanged"}
    shelf.documents.decide(shelf.managing, Policy.KEEP)
    assert PHONE in shelf.find("wombats")[f"{MAIL} wombats.txt"]
    assert PHONE.encode() in b"".join(shelf.documents.original(shelf.reading, passage.document.id))


def test_a_document_from_before_is_unknown_and_masked_all_the_same(shelf: Shelf, folder: Path) -> None:
    shelf.load(folder)
    _forget_identifiers(shelf)
    assert info(shelf).identifiers is None
    shelf.documents.decide(shelf.managing, Policy.MASK)
    assert shelf.find("wombats")["jean.txt"] == "Jean keeps wombats. Call [PHONE] or write to [EMAIL]."


def test_refuse_rejects_at_loading_with_kinds_and_numbers_alone(shelf: Shelf, folder: Path) -> None:
    shelf.documents.decide(shelf.managing, Policy.REFUSE)
    ended = shelf.load(folder)
    assert (ended["jean.txt"].state, ended["plain.txt"].state) == ("rejected", "indexed")
    reason = ended["jean.txt"].reason or ""
    assert "1 phone number, 1 e-mail address" in reason
    assert MAIL not in reason
    assert PHONE not in reason
    assert set(shelf.states(folder).values()) == {"rejected", "unchanged"}


@pytest.mark.parametrize("is_known", [True, False])
def test_what_was_loaded_before_it_was_refused_stays_until_the_next_load(
    shelf: Shelf, folder: Path, is_known: bool
) -> None:
    shelf.load(folder)
    if not is_known:
        _forget_identifiers(shelf)
    shelf.documents.decide(shelf.managing, Policy.REFUSE)
    assert PHONE in shelf.find("wombats")["jean.txt"]
    ended = shelf.load(folder)
    assert (ended["jean.txt"].reason or "").endswith("its earlier version was removed")
    assert set(shelf.find("wombats")) == {"plain.txt"}


def test_a_refused_document_does_not_come_in_by_a_move(shelf: Shelf, folder: Path) -> None:
    shelf.load(folder)
    shelf.documents.decide(shelf.managing, Policy.REFUSE)
    (folder / "jean.txt").rename(folder / "moved.txt")
    assert shelf.states(folder)["moved.txt"] == "rejected"
    assert set(shelf.find("wombats")) == {"plain.txt"}


def test_a_policy_that_is_not_known_serves_and_loads_nothing_until_one_is_set(shelf: Shelf, folder: Path) -> None:
    shelf.load(folder)
    (identifier, *_) = (PassageId(name) for name in _ids(shelf))
    state_says(shelf, personal_data="pseudonymise")
    for read in (
        lambda: shelf.documents.passages(shelf.reading, [identifier]),
        lambda: shelf.documents.documents(shelf.reading),
        lambda: shelf.documents.original(shelf.reading, info(shelf).id),
        lambda: shelf.load(folder),
    ):
        with pytest.raises(PolicyUnknown, match="'pseudonymise', expected one of keep, mask, refuse"):
            read()
    shelf.documents.decide(shelf.managing, Policy.MASK)
    assert "[PHONE]" in shelf.find("wombats")["jean.txt"]


def test_a_state_of_before_the_mask_does_not_take_it_off(shelf: Shelf, folder: Path) -> None:
    shelf.load(folder)
    with shelf.engine.connect() as connection:
        (before,) = connection.execute(select(collections.c.epoch, collections.c.state))
    shelf.documents.decide(shelf.managing, Policy.MASK)
    for values in ({"epoch": before.epoch, "state": before.state}, {"epoch": before.epoch, "state": None}):
        with shelf.engine.begin() as connection:
            connection.execute(update(collections).values(**values))
        with pytest.raises(StoreBroken, match="an older one"):
            shelf.documents.passages(shelf.reading, [PassageId(name) for name in _ids(shelf)])


def test_a_repair_keeps_the_policy_and_masks_where_it_cannot_be_read(shelf: Shelf, folder: Path) -> None:
    shelf.load(folder)
    shelf.documents.decide(shelf.managing, Policy.REFUSE)
    shelf.documents.integrity.repair(shelf.managing, [])
    assert shelf.documents.policy(shelf.reading) is Policy.REFUSE
    for state in (None, bytes(90)):
        shelf.documents.decide(shelf.managing, Policy.KEEP)
        with shelf.engine.begin() as connection:
            connection.execute(update(collections).values(state=state))
        shelf.documents.integrity.repair(shelf.managing, [])
        assert shelf.documents.policy(shelf.reading) is Policy.MASK


def test_the_policy_and_the_marks_stay_through_a_rotation(shelf: Shelf, folder: Path) -> None:
    shelf.load(folder)
    shelf.documents.decide(shelf.managing, Policy.MASK)
    list(shelf.documents.reseal(shelf.managing))
    assert len(shelf.keyring.versions(collection_owner(shelf.collection_id))) == 1
    assert shelf.documents.policy(shelf.reading) is Policy.MASK
    assert info(shelf).identifiers == HELD
    assert "[PHONE]" in shelf.find("wombats")["jean.txt"]


def _ids(shelf: Shelf) -> list[str]:
    with shelf.engine.connect() as connection:
        return list(connection.execute(select(passages.c.id)).scalars())


def _forget_identifiers(shelf: Shelf) -> None:
    """The rows as a release wrote them that looked for nothing."""
    from rag.store.ledger import changing
    from rag.store.rows import finished_row, open_about, passage_context

    key = shelf.keyring.for_grant(shelf.managing)
    with changing(shelf.engine, shelf.keyring.epochs, key, shelf.collection_id) as (connection, change):
        for row in connection.execute(select(documents)).mappings().all():
            about, old = open_about(key, row)
            about.pop("identifiers")
            change.replace(finished_row(key, dict(row), about), old)
        for row in connection.execute(select(passages)).mappings().all():
            context = passage_context(row["id"], row["document_id"], "body")
            body = json.loads(key.open(row["body"], context))
            body.pop("identifiers")
            sealed = key.seal(json.dumps(body).encode(), context)
            connection.execute(update(passages).where(passages.c.id == row["id"]).values(body=sealed))


def test_a_file_inside_a_file_is_refused_by_itself_and_does_not_come_out_of_the_one_around_it(
    shelf: Shelf, folder: Path
) -> None:
    with zipfile.ZipFile(folder / "papers.zip", "w") as archive:
        for name in ("jean.txt", "plain.txt"):
            archive.write(folder / name, name)
    shelf.load(folder)
    assert info(shelf, "papers.zip").identifiers == Identifiers()
    shelf.documents.decide(shelf.managing, Policy.REFUSE)
    ended = {Path(doc).name: file.state.value for doc, file in shelf.load(folder).items() if "zip" in doc}
    assert sorted(ended.values()) == ["indexed", "rejected", "unchanged"]
    assert not any("jean" in path for path in shelf.find("wombats"))
    with pytest.raises(OriginalWithheld):
        shelf.documents.original(shelf.reading, info(shelf, "papers.zip").id)
    assert b"".join(shelf.documents.original(shelf.reading, info(shelf, "plain.txt").id))
