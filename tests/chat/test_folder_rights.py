"""A collection that keeps to the rights of its folder: what is refused, what is let in, and what goes with a sync."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chat.admin.registry import OPERATIONS
from chat.assembly import House
from chat.errors import Refused
from chat.opening import initialise, open_house
from chat.settings import Settings, Store
from rag import folders
from rag.errors import LoadRunning, SourceRefused, SourceUnavailable
from security.access import Right
from security.errors import AccessDenied
from security.identity import OPERATOR, CollectionId, Role
from tests.postgresql import ON_BOTH_DATABASES
from tests.rag.conftest import WordEmbedder
from tests.rag.sources.acl import GROUP, set_acl

pytestmark = pytest.mark.usefixtures("process_as_it_was")
OWN, OTHER = os.getgid(), 54321
MAPPED = (f"{OWN}=jurists", f"{OTHER}=cooks")
PASSWORD = "correct horse battery"


class Firm:
    """Ada is a jurist, Bob a cook; the house's own group is that of the jurists in the folder."""

    def __init__(self, house: House, root: Path) -> None:
        self.house, self.root = house, root
        for name, group in (("ada", "jurists"), ("bob", "cooks")):
            house.directory.add_user(name, PASSWORD, Role.EMPLOYEE)
            self.run("group.add", name=group)
            self.run("group.join", name=group, users=[name])
        self.run("collection.create", name="share")

    def run(self, operation: str, /, **arguments: Any) -> list[dict[str, Any]]:
        return list(OPERATIONS[operation](self.house, **arguments))

    def add(self, *map_rights: str, name: str = "share", address: object = "") -> str:
        given = {"name": name, "kind": "folder", "address": str(address or self.root), "map_rights": map_rights}
        return str(self.run("source.add", **given)[0]["id"])

    def write(self, place: str, text: str, mode: int = 0o644) -> Path:
        path = self.root / place
        path.parent.mkdir(mode=0o755, exist_ok=True)
        path.parent.chmod(0o755)
        path.write_text(text)
        path.chmod(mode)
        return path

    def sync(self) -> dict[str, str]:
        """How each file ended; a sync that failed is an error."""
        events = self.run("source.sync", name="share")
        assert events[-1]["ended"] == "done", events
        return {event["doc"]: event["state"] for event in events[:-1]}

    def documents(self, name: str = "share") -> set[str]:
        return {str(row["doc"]) for row in self.run("collection.show", name=name)[0]["documents"]}

    def give(self, *groups: str) -> None:
        for group in groups:
            self.run("collection.grant", name="share", group=group)


@pytest.fixture
def firm(process_as_it_was: None, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Firm]:
    monkeypatch.setattr(folders, "SETTLED_SECONDS", 0.0)
    root = tmp_path / "share"
    root.mkdir(mode=0o755)
    settings = Settings(store=store)
    initialise(tmp_path / "state", settings)
    with open_house(tmp_path / "state", settings) as house:
        house.__dict__["embedder"] = WordEmbedder()  # where cached_property keeps what it made
        yield Firm(house, root)


@ON_BOTH_DATABASES
def test_what_a_group_may_not_read_is_kept_out_and_says_which(firm: Firm) -> None:
    firm.write("menu.txt", "Lentil soup.")
    firm.write("deed.txt", "The deed of the house.", 0o640)
    firm.add(*MAPPED)
    firm.give("jurists", "cooks")
    assert firm.sync() == {"menu.txt": "indexed", "deed.txt": "rejected"}
    assert firm.documents() == {"menu.txt"}
    (event,) = [each for each in firm.run("source.sync", name="share") if each.get("doc") == "deed.txt"]
    assert event["reason"].startswith("group cooks reads the collection and may not read this file")


@ON_BOTH_DATABASES
def test_what_became_narrower_goes_with_the_next_sync_though_its_content_is_what_it_was(firm: Firm) -> None:
    path = firm.write("menu.txt", "Lentil soup.")
    firm.write("inner/list.txt", "Leeks and onions.")
    firm.add(*MAPPED)
    firm.give("jurists", "cooks")
    assert set(firm.sync().values()) == {"indexed"}
    path.chmod(0o640)
    (firm.root / "inner").chmod(0o750)
    assert set(firm.sync().values()) == {"rejected"}
    assert firm.documents() == set()
    path.chmod(0o644)
    (firm.root / "inner").chmod(0o755)
    assert set(firm.sync().values()) == {"indexed"}


def test_with_one_group_its_own_files_come_in(firm: Firm) -> None:
    firm.write("deed.txt", "The deed of the house.", 0o640)
    path = firm.write("menu.txt", "Lentil soup.", 0o600)
    set_acl(path, (GROUP, 4, OTHER))
    firm.add(*MAPPED)
    firm.give("jurists")
    assert firm.sync() == {"deed.txt": "indexed", "menu.txt": "rejected"}
    firm.run("collection.revoke", name="share", group="jurists")
    path.chmod(0o640)  # which is the mask of its ACL now
    firm.sync()
    assert firm.documents() == {"deed.txt", "menu.txt"}  # the operator's alone
    with pytest.raises(Refused, match=r"deed.txt: group cooks reads the collection and may not read this file"):
        firm.give("cooks")


def test_a_group_comes_in_once_the_folder_lets_it_read_all_that_is_there(firm: Firm) -> None:
    path = firm.write("deed.txt", "The deed of the house.", 0o640)
    firm.add(*MAPPED)
    firm.give("jurists")
    firm.sync()
    with pytest.raises(Refused, match="group cooks reads the collection"):
        firm.give("cooks")
    path.chmod(0o644)
    with pytest.raises(Refused, match=r"deed.txt is not what lies in the folder now: run `huisclos source sync`"):
        firm.give("cooks")
    assert firm.house.directory.groups.grantees(_id(firm)) == ((_group(firm, "jurists"), Right.READ),)
    firm.sync()
    firm.give("cooks")
    assert firm.sync() == {"deed.txt": "unchanged"}


def test_a_group_does_not_come_in_for_what_was_exchanged_since(firm: Firm) -> None:
    """What was loaded is another text than the one that the group may read now."""
    firm.write("deed.txt", "The deed of the house.", 0o640)
    firm.add(*MAPPED)
    firm.give("jurists")
    firm.sync()
    (firm.root / "deed.txt").unlink()
    with pytest.raises(Refused, match="is not what lies in the folder now"):
        firm.give("cooks")
    firm.write("deed.txt", "There is no deed here.")
    with pytest.raises(Refused, match="is not what lies in the folder now"):
        firm.give("cooks")
    firm.sync()
    firm.give("cooks")


def test_people_by_themselves_and_groups_that_are_not_mapped_are_refused(firm: Firm) -> None:
    firm.write("menu.txt", "Lentil soup.")
    firm.add(MAPPED[0])
    with pytest.raises(Refused, match=r"grant it to one with --group"):
        firm.run("collection.grant", name="share", user="ada")
    with pytest.raises(Refused, match=r"group cooks is no group of the folder .*: remove that source and add it again"):
        firm.give("cooks")
    firm.give("jurists")
    assert firm.sync() == {"menu.txt": "indexed"}


def test_a_reader_who_came_past_the_refusal_empties_the_collection(firm: Firm) -> None:
    """As a restore could bring them, or an operator who adds a source at the same moment."""
    firm.write("menu.txt", "Lentil soup.")
    firm.add(MAPPED[0])
    firm.give("jurists")
    firm.sync()
    ada = firm.house.directory.find_user("ada")
    assert ada
    firm.house.directory.give(ada.id, _id(firm), Right.READ)
    assert firm.sync() == {"menu.txt": "rejected"}
    assert firm.documents() == set()
    firm.house.directory.take(ada.id, _id(firm))
    firm.house.directory.groups.give(_group(firm, "cooks"), _id(firm), Right.READ)
    assert firm.sync() == {"menu.txt": "rejected"}


def test_readers_who_are_there_already_must_be_groups_of_the_folder(firm: Firm) -> None:
    firm.run("collection.grant", name="share", user="ada")
    with pytest.raises(SourceRefused, match="a person with a grant of their own reads the collection"):
        firm.add(*MAPPED)
    firm.run("collection.revoke", name="share", user="ada")
    firm.give("cooks")
    with pytest.raises(SourceRefused, match="group cooks reads the collection and is no group of the folder"):
        firm.add(MAPPED[0])
    firm.add(*MAPPED)


def test_nothing_else_comes_into_such_a_collection(firm: Firm, tmp_path: Path) -> None:
    firm.write("deed.txt", "The deed of the house.", 0o600)
    firm.add(*MAPPED)
    firm.give("cooks")
    with pytest.raises(SourceRefused, match="folders whose rights are mapped, and no others"):
        list(firm.house.loader.load(firm.house.policy.grant(OPERATOR, _id(firm), Right.MANAGE), firm.root))
    with pytest.raises(SourceRefused, match="all its sources or of none"):
        firm.add(address=tmp_path)
    assert firm.documents() == set()
    firm.run("collection.create", name="plain")
    firm.add(name="plain")
    with pytest.raises(SourceRefused, match="all its sources or of none"):
        firm.add(*MAPPED, name="plain", address=tmp_path)


def test_a_collection_with_documents_takes_no_such_source(firm: Firm) -> None:
    firm.write("deed.txt", "The deed of the house.", 0o600)
    list(firm.house.loader.load(firm.house.policy.grant(OPERATOR, _id(firm), Right.MANAGE), firm.root))
    with pytest.raises(SourceRefused, match="documents whose rights nobody compared"):
        firm.add(*MAPPED)


def test_its_documents_go_with_the_source(firm: Firm) -> None:
    firm.write("menu.txt", "Lentil soup.")
    source = firm.add(*MAPPED)
    firm.give("jurists")
    firm.sync()
    assert firm.run("source.remove", name="share", source=source) == [{"removed": source, "forgotten": 1}]
    assert firm.documents() == set()
    firm.run("collection.grant", name="share", user="bob")


def test_no_right_is_given_and_no_such_source_added_while_something_is_loaded(firm: Firm) -> None:
    firm.write("menu.txt", "Lentil soup.")
    firm.write("list.txt", "Leeks.")
    firm.add(*MAPPED)
    loading = OPERATIONS["source.sync"](firm.house, name="share")
    next(loading)
    with pytest.raises(LoadRunning):
        firm.give("cooks")
    list(loading)
    firm.give("cooks")
    firm.run("collection.create", name="plain")
    plain = firm.house.collections.find("plain")
    assert plain
    grant = firm.house.policy.grant(OPERATOR, plain.id, Right.MANAGE)
    running = firm.house.loader.load(grant, firm.root)
    next(running)
    with pytest.raises(LoadRunning):
        firm.add(*MAPPED, name="plain")
    running.close()


@pytest.mark.parametrize(
    ("mapping", "error", "reason"),
    [
        ("jurists", SourceRefused, "UNIXGROUP=GROUP"),
        ("=jurists", SourceRefused, "UNIXGROUP=GROUP"),
        ("1=nobody at all", Refused, "no such group"),
        ("no such group=jurists", SourceUnavailable, "knows no group"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(firm: Firm, mapping: str, error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason):
        firm.add(mapping)


def test_other_kinds_of_sources_map_no_rights(firm: Firm) -> None:
    with pytest.raises(SourceRefused, match="of a folder alone"):
        firm.run("source.add", name="share", kind="git", address=f"file://{firm.root}", map_rights=MAPPED)


def test_a_mapping_is_kept_and_shown(firm: Firm) -> None:
    firm.add(*MAPPED)
    (listed,) = firm.run("source.list", name="share")
    assert listed["map_rights"] == list(MAPPED)


def test_a_refused_grant_gives_nothing(firm: Firm) -> None:
    firm.write("deed.txt", "The deed of the house.", 0o640)
    firm.add(*MAPPED)
    firm.give("jurists")
    firm.sync()
    bob = firm.house.directory.find_user("bob")
    assert bob
    for arguments in ({"group": "cooks"}, {"user": "bob"}):
        with pytest.raises(Refused):
            firm.run("collection.grant", name="share", **arguments)
    with pytest.raises(AccessDenied):
        firm.house.policy.grant(bob.principal, _id(firm), Right.READ)


def _id(firm: Firm) -> CollectionId:
    found = firm.house.collections.find("share")
    assert found
    return found.id


def _group(firm: Firm, name: str) -> Any:
    found = firm.house.directory.groups.find(name)
    assert found
    return found.id
