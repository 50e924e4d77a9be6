"""What was backed up comes back, all of it or nothing, where the keyring opens it."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from chat.admin.backup_operations import restored
from chat.assembly import House
from chat.backup.contents import Progress, What
from chat.backup.restoring import Restoring
from chat.database import MIGRATIONS, known_revisions, revision_of
from chat.errors import BackupBroken, BackupFailed, RestoreCut
from chat.opening import RESTORING, initialise, open_for_restore, open_house
from chat.settings import Settings
from chat.tables import feedback
from rag.store.tables import passages
from security.errors import KeyringLocked
from security.identity import Principal, Role
from tests.chat.backup.conftest import (
    PASSWORD,
    back_up,
    everything,
    judged,
    left,
    manage,
    mode,
    opened,
    restore,
    run,
    talk,
    with_keyring,
)
from tests.chat.backup.conftest import record as recorded


@contextmanager
def empty_house(state: Path) -> Iterator[House]:
    """A house that is open for a restore, and empty again after the block."""
    with open_for_restore(state, Settings()) as house:
        yield house
        assert house.collections.list() == ()
        assert house.directory.users() == ()
        assert recorded(house) == []
    assert left(state) == set()


def test_sources_come_back_with_their_secrets(house: House, tmp_path: Path) -> None:
    name = house.collections.list()[0].name
    run(house, "source.add", name=name, kind="folder", address="/mnt/share", secret="wombat-pass", every_minutes=5)
    before, state = house.documents.sources(manage(house, name)), with_keyring(house, tmp_path / "new")
    back_up(house, tmp_path / "backup")
    restore(state, tmp_path / "backup")
    assert b"wombat-pass" not in (tmp_path / "backup").read_bytes()
    with opened(state) as again:
        assert again.documents.sources(manage(again, name)) == before != ()


def test_everything_comes_back(house: House, tmp_path: Path) -> None:
    before, entries, state = everything(house), recorded(house), with_keyring(house, tmp_path / "new")
    assert all(judged(house, "animals"))
    receipts = {path.name: path.read_bytes() for path in (house.state / "receipts").iterdir()}
    made = back_up(house, tmp_path / "backup")
    told = restore(state, tmp_path / "backup")
    counts = {name: told[name] for name in ("collections", "documents", "people", "conversations")}
    assert counts == {"collections": 2, "documents": 4, "people": 2, "conversations": 1}
    assert told["passages"] == made["rows"]["passages"] > 4
    assert (told["left_out"], told["damaged"]) == ({"collections": [], "people": []}, [])
    with opened(state) as again:
        assert everything(again) == before
        assert recorded(again)[: len(entries)] == entries
        assert [row[3:6] for row in recorded(again)[len(entries) :]] == [
            ("backup", made["id"], "begun"),
            ("restore", made["id"], "done"),
        ]
        assert again.audit.verify().broken_at is None
        ada = again.directory.check_password("ada", PASSWORD)
        assert ada is not None
        assert ada == house.directory.check_password("ada", PASSWORD)
        assert again.directory.check_password("ada", "another password") is None
        assert run(again, "search", collection="animals", question="wombat", user="ada")
        run(again, "collection.create", name="another")
    assert {path.name: path.read_bytes() for path in (state / "receipts").iterdir()} == receipts
    assert (state / "huisclos.toml").read_text() == "[server]\nport = 8001\n"
    assert all(mode(path) & 0o077 == 0 for path in state.rglob("*"))


def test_conversations_that_were_tampered_with_before_the_backup_are_named(house: House, tmp_path: Path) -> None:
    ada, state = house.directory.find_user("ada"), with_keyring(house, tmp_path / "new")
    assert ada
    with house.engine.begin() as connection:
        connection.execute(delete(feedback))
    back_up(house, tmp_path / "backup")
    assert restore(state, tmp_path / "backup")["damaged"] == [f"conversations of person {ada.id}"]
    with opened(state) as again:
        assert "2 rows stand" in again.conversations.look(ada.principal)
        run(again, "repair.conversations", name="ada")
        assert again.conversations.look(ada.principal) == ""


def test_nobody_is_signed_in_after_a_restore(house: House, tmp_path: Path) -> None:
    ada = house.directory.find_user("ada")
    assert ada
    token = house.directory.open_session(ada.principal)
    back_up(house, tmp_path / "backup")
    state = with_keyring(house, tmp_path / "new")
    restore(state, tmp_path / "backup")
    assert house.directory.session(token)
    with opened(state) as again:
        assert again.directory.session(token) is None


def test_settings_that_are_there_are_kept(house: House, tmp_path: Path) -> None:
    back_up(house, tmp_path / "backup")
    state = with_keyring(house, tmp_path / "new")
    (state / "huisclos.toml").write_text("[server]\nport = 8002\n")
    assert restore(state, tmp_path / "backup")["settings_kept"]
    assert (state / "huisclos.toml").read_text() == "[server]\nport = 8002\n"


def test_a_house_that_holds_data_is_refused_and_left_as_it_is(house: House, tmp_path: Path) -> None:
    back_up(house, tmp_path / "backup")
    before, entries = everything(house), recorded(house)
    with pytest.raises(BackupFailed, match="holds data"):
        list(restored(house, tmp_path / "backup"))
    assert (everything(house), recorded(house)) == (before, entries)


def test_originals_without_their_database_are_data_too(house: House, tmp_path: Path) -> None:
    back_up(house, tmp_path / "backup")
    state = with_keyring(house, tmp_path / "new")
    shutil.copytree(house.state / "originals", state / "originals")
    with pytest.raises(BackupFailed, match="holds data"):
        restore(state, tmp_path / "backup")
    assert len(list((state / "originals").glob("*/*"))) == 4


def test_a_restore_that_is_stopped_anywhere_leaves_an_empty_house_that_can_be_filled(
    house: House, tmp_path: Path
) -> None:
    back_up(house, tmp_path / "backup")
    state = with_keyring(house, tmp_path / "new")
    with open_for_restore(state, Settings()) as again:
        steps = sum(isinstance(step, Progress) for step in Restoring(again).run(tmp_path / "backup"))
    shutil.rmtree(state)
    with_keyring(house, state)
    for part in (0.1, 0.5, 0.9, 0.999):
        with empty_house(state) as again, closing(Restoring(again).run(tmp_path / "backup")) as running:
            for _ in range(int(steps * part)):
                assert isinstance(next(running), Progress)
            assert (state / RESTORING).exists()
    restore(state, tmp_path / "backup")
    with opened(state) as again:
        assert everything(again) == everything(house)


def test_what_a_killed_restore_left_is_not_opened_and_is_restored_again(house: House, tmp_path: Path) -> None:
    """The state folder as it lies on the disk in the middle is copied: what a kill leaves."""
    back_up(house, tmp_path / "backup")
    state, before = with_keyring(house, tmp_path / "new"), everything(house)
    killed = []
    with open_for_restore(state, Settings()) as again, closing(Restoring(again).run(tmp_path / "backup")) as steps:
        told = set()
        for number, step in enumerate(steps):
            if isinstance(step, Progress) and (number % 20 == 10 or step.what not in told):
                told.add(step.what)
                killed.append(tmp_path / f"killed-{number}")
                shutil.copytree(state, killed[-1])
    assert told == {What.READING, What.CHECKING}
    assert len(killed) > 3
    for copy in killed:
        with pytest.raises(RestoreCut, match="huisclos restore"), open_house(copy, Settings()):
            pass
        restore(copy, tmp_path / "backup")
        with opened(copy) as again:
            assert everything(again) == before
            assert again.audit.verify().broken_at is None


def test_a_backup_of_an_older_revision_is_brought_up_to_date(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(house, tmp_path / "backup")
    before = everything(house)
    newer_release(tmp_path, monkeypatch)
    state = with_keyring(house, tmp_path / "new")
    with open_for_restore(state, Settings()) as again:
        list(restored(again, tmp_path / "backup"))
        assert revision_of(again.engine) == "9999"
        assert everything(again) == before
        with again.engine.connect() as connection:
            assert set(connection.exec_driver_sql("SELECT colour FROM documents").scalars()) == {"grey"}


def test_a_backup_of_a_newer_release_is_refused(
    process_as_it_was: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        newer_release(tmp_path, patch)
        initialise(tmp_path / "newer", Settings())
        with opened(tmp_path / "newer") as newer:
            back_up(newer, tmp_path / "backup")
            state = with_keyring(newer, tmp_path / "new")
    with pytest.raises(BackupFailed, match="install that one or a later"):
        restore(state, tmp_path / "backup")
    assert left(state) == set()


def newer_release(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """The migrations of this release and one more."""
    last = max(known_revisions())
    shutil.copytree(MIGRATIONS, folder / "migrations")
    (folder / "migrations" / "versions" / "v9999_later.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f"revision, down_revision, branch_labels, depends_on = '9999', '{last}', None, None\n"
        "def upgrade():\n"
        "    op.add_column('documents', sa.Column('colour', sa.String(9), server_default='grey'))\n"
    )
    patch.setattr("chat.database.MIGRATIONS", folder / "migrations")


def test_a_value_that_was_damaged_when_it_was_backed_up_is_named_and_stops_nothing(
    house: House, tmp_path: Path
) -> None:
    grant = manage(house, "animals")
    with house.engine.begin() as connection:
        connection.execute(update(passages).values(vector=passages.c.body))
    ids = [info.id for info in house.documents.documents(grant)]
    place = f"{grant.collection_id}/{ids[0]}"
    original = house.state / "originals" / place
    original.write_bytes(original.read_bytes()[:-1])
    back_up(house, tmp_path / "backup")
    told = restore(with_keyring(house, tmp_path / "new"), tmp_path / "backup")
    assert told["damaged"] == [f"collection {grant.collection_id}", f"originals/{place}"]
    assert told["documents"] == 4


def test_who_was_added_after_the_keyring_was_copied_is_left_out_and_can_be_added_again(
    house: House, tmp_path: Path
) -> None:
    state = with_keyring(house, tmp_path / "new")
    run(house, "user.add", name="eve")
    run(house, "collection.create", name="later")
    run(house, "collection.grant", name="animals", user="eve")
    run(house, "group.join", name="keepers", users=["eve"])
    talk(house, "eve", "about the quokka")
    eve, later = house.directory.find_user("eve"), house.collections.find("later")
    assert eve
    assert later
    back_up(house, tmp_path / "backup")
    told = restore(state, tmp_path / "backup")
    assert told["left_out"] == {"collections": [later.id], "people": [eve.id]}
    assert (told["collections"], told["people"], told["conversations"]) == (2, 2, 1)
    with opened(state) as again:
        assert again.directory.find_user("eve") is None
        assert run(again, "group.show", name="keepers")[0]["members"] == ["ada", "bob"]
        run(again, "user.add", name="eve")
        run(again, "collection.create", name="later")
        fresh = again.directory.find_user("eve")
        assert fresh
        assert again.conversations.list(Principal(fresh.id, Role.EMPLOYEE)) == ()
        assert run(again, "collection.show", name="animals")[0]["grants"] == [
            grant for grant in run(house, "collection.show", name="animals")[0]["grants"] if grant["user"] != "eve"
        ]


def test_a_keyring_of_another_house_opens_no_backup(house: House, tmp_path: Path) -> None:
    back_up(house, tmp_path / "backup")
    other = tmp_path / "other"
    initialise(other, Settings())
    with pytest.raises(KeyringLocked, match="huisclos keys restore"):
        restore(other, tmp_path / "backup")
    assert left(other) == set()


def test_a_file_that_is_no_backup_is_told(house: House, tmp_path: Path) -> None:
    state = with_keyring(house, tmp_path / "new")
    (tmp_path / "thesis.odt").write_text("years of work")
    with pytest.raises(BackupBroken, match=r"thesis\.odt is not a backup of ours"):
        restore(state, tmp_path / "thesis.odt")
    with pytest.raises(BackupFailed, match="cannot be read"):
        restore(state, tmp_path / "none")
