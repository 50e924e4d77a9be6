"""A house in use, to be backed up, and others that are made from its backups. Words are embedded in the small."""

import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from chat.admin.backup_operations import restored
from chat.admin.registry import OPERATIONS
from chat.assembly import House
from chat.conversations import ThreadId
from chat.opening import initialise, open_for_restore, open_house
from chat.settings import Settings
from rag.evaluating.evaluation import Circumstances, Outcome
from rag.evaluating.question import Gold
from rag.store.reports import Report
from security.access import Right
from security.identity import OPERATOR, Role
from security.tables import audit
from tests.rag.conftest import WordEmbedder

PASSWORD = "correct horse battery"
TEXTS = {f"{name}.md": f"# On {name}\n\nThe {name} sleeps by day.\n" for name in ("wombat", "quokka", "numbat")}
LARGE = 300_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Documents to load: some small ones, and one of several blocks."""
    made = tmp_path / "documents"
    made.mkdir()
    for name, text in TEXTS.items():
        (made / name).write_text(text)
    (made / "large.txt").write_text("A long tale of the wombat. " * (LARGE // 27))
    return made


@pytest.fixture
def house(process_as_it_was: None, tmp_path: Path, folder: Path) -> Iterator[House]:
    """Two collections, one shredded, two people with conversations and a session, settings."""
    state = tmp_path / "state"
    initialise(state, Settings())
    (state / "huisclos.toml").write_text("[server]\nport = 8001\n")
    with opened(state) as made:
        for name in ("animals", "empty", "gone"):
            run(made, "collection.create", name=name)
        run(made, "collection.load", name="animals", path=str(folder))
        run(made, "keys.shred_collection", name="gone")
        for name in ("ada", "bob"):
            made.directory.add_user(name, PASSWORD, Role.EMPLOYEE)
        run(made, "collection.grant", name="animals", user="ada")
        run(made, "group.add", name="keepers")
        run(made, "group.join", name="keepers", users=["ada", "bob"])
        run(made, "collection.grant", name="animals", group="keepers")
        talk(made, "ada", "about the wombat")
        judge(made, "animals", "ada")
        yield made


def judge(house: House, name: str, sender: str) -> None:
    """A report of somebody, a question of the owners, and a run of it."""
    found, quality, managing = house.directory.find_user(sender), house.documents.quality, manage(house, name)
    assert found
    reading = house.policy.grant(found.principal, managing.collection_id, Right.READ)
    report = Report(True, "so it is", "When does it sleep?", "By day.", "", "small", ())
    quality.reports.send(reading, found.id, f"s-{found.id}", report)
    asked = quality.questions.add(managing, "When does it sleep?", (Gold("wombat.md"),))
    outcome = Outcome(asked.id, 1, 1, 1.0, 1.0)
    quality.evaluations.add(managing, Circumstances(4, 9, "aa", "e5", "", "0"), (outcome,), is_answered=False)


def talk(house: House, name: str, about: str) -> None:
    """A conversation with a message and a thumb, and a session."""
    found = house.directory.find_user(name)
    assert found
    thread = ThreadId(f"t-{found.id}")
    house.conversations.put(found.principal, thread, about, {"place": 1})
    house.conversations.put_step(found.principal, thread, f"s-{found.id}", {"output": f"{about} and more"})
    house.conversations.rate(found.principal, f"s-{found.id}", 0, f"{about}: no")
    house.directory.open_session(found.principal)


@contextmanager
def opened(state: Path) -> Iterator[House]:
    """An open house without weights."""
    with open_house(state, Settings()) as house:
        house.__dict__["embedder"] = WordEmbedder()  # where cached_property keeps what it made
        yield house


def run(house: House, operation: str, /, **arguments: Any) -> list[dict[str, Any]]:
    """The events of an operation, as the command line and the socket run it."""
    return list(OPERATIONS[operation](house, **arguments))


def back_up(house: House, out: Path) -> dict[str, Any]:
    """Make a backup; gives the last event."""
    return run(house, "backup", file=str(out))[-1]


def with_keyring(house: House, state: Path) -> Path:
    """A folder that holds the keyring as it is now, and its key file, alone."""
    (state / "keys").mkdir(mode=0o700, parents=True)
    for name in ("keyring.json", "root.key"):
        shutil.copy(house.state / "keys" / name, state / "keys" / name)
    return state


def restore(state: Path, backup: Path) -> dict[str, Any]:
    """Put a backup back; gives the last event."""
    with open_for_restore(state, Settings()) as house:
        return list(restored(house, backup))[-1]


def everything(house: House) -> dict[str, Any]:
    """All that the house holds, opened."""
    held: dict[str, Any] = {"people": house.directory.users(), "collections": house.collections.list()}
    groups = house.directory.groups
    held["groups"] = [(group, groups.members(group.id), groups.collections(group.id)) for group in groups.list()]
    for record in house.collections.list():
        grant = house.policy.for_indexing(record.id)
        entries = [entry for batch in house.documents.entries.all(grant) for entry in batch]
        held[record.name] = {
            "rights": house.directory.grantees(record.id),
            "quality": judged(house, record.name),
            "documents": house.documents.documents(grant),
            "entries": {entry.passage_id: (entry.document_id, entry.text, entry.vector.tobytes()) for entry in entries},
            "passages": house.documents.passages(grant, sorted(entry.passage_id for entry in entries)),
            "originals": {
                info.id: b"".join(house.documents.original(grant, info.id)) for info in house.documents.documents(grant)
            },
        }
    for user in house.directory.users():
        threads = house.conversations.list(user.principal)
        held[user.name] = [(thread, house.conversations.steps(user.principal, thread.id)) for thread in threads]
    return held


def judged(house: House, name: str) -> tuple[Any, ...]:
    """Reports, questions and runs, all opened."""
    quality, grant = house.documents.quality, manage(house, name)
    return quality.reports.all(grant), quality.questions.all(grant), quality.evaluations.all(grant)


def record(house: House) -> list[tuple[Any, ...]]:
    """The entries of the audit log."""
    with house.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(audit).order_by(audit.c.seq))]


def left(state: Path) -> set[str]:
    """What lies in a state folder, the keyring, the lock and the database aside."""
    return {path.name for path in state.iterdir()} - {"keys", "lock", "truth.db"}


def is_consistent(house: House, name: str) -> bool:
    """Whether every document of a collection has all its passages and its original, and these say the same."""
    found = house.collections.find(name)
    assert found
    grant = house.policy.for_indexing(found.id)
    infos = house.documents.documents(grant)
    entries = [entry for batch in house.documents.entries.all(grant) for entry in batch]
    assert len(infos) > 0
    for info in infos:
        own = [entry for entry in entries if entry.document_id == info.id]
        original = b"".join(house.documents.original(grant, info.id)).decode()
        assert len(own) == info.passages > 0
        assert len(original.encode()) == info.size_bytes
        assert all(original.split()[-1] in entry.text.split() for entry in own[-1:])
    return len(entries) == sum(info.passages for info in infos)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def manage(house: House, name: str) -> Any:
    found = house.collections.find(name)
    assert found
    return house.policy.grant(OPERATOR, found.id, Right.MANAGE)
