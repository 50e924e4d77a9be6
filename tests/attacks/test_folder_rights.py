"""Claim: where a folder's rights are mapped, nobody finds through the collection what they may not read in the folder.

Ada is in the group that owns the files, Bob in no group that they name: he reads what all others read.
"""

import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.errors import Refused
from chat.opening import initialise, open_house
from chat.settings import Settings
from rag import folders
from tests.chat.test_folder_rights import MAPPED, Firm
from tests.conftest import kept_process
from tests.rag.answering.test_answerer import Scribe
from tests.rag.conftest import WordEmbedder
from tests.rag.sources.acl import USER, set_acl

EXAMPLES = int(os.environ.get("HUISCLOS_TEST_EXAMPLES", "6"))
READERS = {"ada": "jurists", "bob": "cooks"}
FILES = ("open/one.txt", "open/two.txt", "inner/three.txt", "inner/four.txt")
_FITTING: tuple[dict[str, Any], ...] = ({"folders": ["inner"]}, {"types": ["sheet"]}, {"before": "1999-12-31"})
MODES, FOLDER_MODES = (0o600, 0o640, 0o644), (0o700, 0o750, 0o755)


@contextmanager
def opened() -> Iterator[Firm]:
    with kept_process(), tempfile.TemporaryDirectory() as place, patch.object(folders, "SETTLED_SECONDS", 0.0):
        root = Path(place) / "share"
        root.mkdir()
        root.chmod(0o755)
        initialise(Path(place) / "state", Settings())
        with open_house(Path(place) / "state", Settings()) as house:
            house.__dict__["embedder"] = WordEmbedder()  # where cached_property keeps what it made
            yield Firm(house, root)


@pytest.fixture
def firm() -> Iterator[Firm]:
    with opened() as made:
        yield made


def found(firm: Firm, user: str) -> set[str]:
    """The words of the documents that somebody finds; each document is of one word."""
    try:
        rows = firm.run("search", collection="share", question="wombat", user=user, k=100)
    except Refused:
        return set()
    return {word for row in rows for word in str(row["text"]).split() if word.startswith("secret")}


def readable(firm: Firm, user: str) -> set[str]:
    """The words of the files that somebody may read in the folder now, told by modes alone."""
    shift = {"ada": 3, "bob": 0}[user]
    words = set()
    for path in firm.root.rglob("*.txt"):
        folders_of = [each for each in path.parents if each.is_relative_to(firm.root)]
        is_entered = all(each.stat().st_mode >> shift & 1 for each in folders_of)
        if is_entered and path.stat().st_mode >> shift & 4:
            words.add(path.read_text().split()[0])
    return words


def all_in_step(firm: Firm) -> None:
    for user in READERS:
        assert found(firm, user) <= readable(firm, user), user


def test_a_file_of_one_group_is_not_found_by_another(firm: Firm) -> None:
    firm.write("open/one.txt", "secret1 wombat", 0o640)
    firm.write("open/two.txt", "secret2 wombat")
    firm.add(*MAPPED)
    firm.give("jurists", "cooks")
    firm.sync()
    assert found(firm, "bob") == {"secret2"}
    all_in_step(firm)


@pytest.mark.parametrize("narrower", ["the file", "its folder", "the root", "moved", "exchanged", "a person named"])
def test_what_became_narrower_is_not_found_after_the_next_sync(firm: Firm, narrower: str) -> None:
    path = firm.write("open/one.txt", "secret1 wombat")
    closed = firm.write("inner/two.txt", "secret2 wombat", 0o640)
    (firm.root / "inner").chmod(0o750)
    firm.add(*MAPPED)
    firm.give("jurists", "cooks")
    firm.sync()
    assert found(firm, "bob") == {"secret1"}
    match narrower:
        case "the file":
            path.chmod(0o640)
        case "its folder":
            path.parent.chmod(0o750)
        case "the root":
            firm.root.chmod(0o750)
        case "moved":
            path.rename(closed.parent / "one.txt")
        case "exchanged":
            closed.rename(path)
        case "a person named":
            set_acl(path, (USER, 0, 4711), group=4, others=4)
    firm.sync()
    assert found(firm, "bob") == found(firm, "ada") == set()
    assert firm.documents() == set()


def test_a_link_left_where_a_file_was_keeps_nothing(firm: Firm) -> None:
    """Moved into a folder that is closed, with a link in its place."""
    path = firm.write("open/one.txt", "secret1 wombat")
    firm.write("inner/two.txt", "secret2 wombat")
    firm.add(*MAPPED)
    firm.give("jurists", "cooks")
    firm.sync()
    path.rename(firm.root / "inner/one.txt")
    path.symlink_to(firm.root / "inner/one.txt")
    (firm.root / "inner").chmod(0o700)
    firm.sync()
    assert found(firm, "bob") == set()


def test_what_is_inside_a_file_goes_with_it(firm: Firm) -> None:
    path = firm.root / "pack.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inside.txt", "secret1 wombat")
    path.chmod(0o644)
    firm.add(*MAPPED)
    firm.give("jurists", "cooks")
    firm.sync()
    assert found(firm, "bob") == {"secret1"}
    firm.run("collection.revoke", name="share", group="cooks")
    path.chmod(0o640)
    firm.sync()
    with pytest.raises(Refused):
        firm.give("cooks")
    assert found(firm, "bob") == set()
    firm.run("collection.revoke", name="share", group="jurists")
    path.chmod(0o600)
    with pytest.raises(Refused):
        firm.give("jurists")


CHANGES = st.one_of(
    st.tuples(st.just("mode"), st.sampled_from(FILES), st.sampled_from(MODES)),
    st.tuples(st.just("folder"), st.sampled_from(["open", "inner", "."]), st.sampled_from(FOLDER_MODES)),
    st.tuples(st.just("move"), st.sampled_from(FILES), st.sampled_from(FILES)),
    st.tuples(st.just("write"), st.sampled_from(FILES), st.sampled_from(MODES)),
    st.tuples(st.just("give"), st.sampled_from(sorted(READERS)), st.none()),
    st.tuples(st.just("take"), st.sampled_from(sorted(READERS)), st.none()),
    st.tuples(st.just("sync"), st.none(), st.none()),
)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(CHANGES, min_size=8, max_size=24))
def test_nobody_finds_what_they_may_not_read_whatever_changes(steps: list[tuple[str, str, int]]) -> None:
    """In the folder, and in who reads the collection, between two syncs."""
    with opened() as firm:
        for number, place in enumerate(FILES):
            firm.write(place, f"secret{number} wombat")
        firm.add(*MAPPED)
        for number, (what, where, how) in enumerate((*steps, ("sync", "", 0)), 10):
            path = firm.root / (where or ".")
            if what == "folder" or (what == "mode" and path.exists()):
                path.chmod(how)
            elif what == "move" and path.exists():
                path.rename(firm.root / str(how))
            elif what == "write":
                path.write_text(f"secret{number} wombat")
                path.chmod(how)
            elif what == "take":
                firm.run("collection.revoke", name="share", group=READERS[where])
            elif what == "give":
                _give(firm, where)
            elif what == "sync":
                firm.sync()
                all_in_step(firm)


def _give(firm: Firm, user: str) -> None:
    """Given, the group finds at once what it may read now, and no more; refused, it finds nothing new."""
    before = found(firm, user)
    try:
        firm.give(READERS[user])
    except Refused:
        assert found(firm, user) == before
    else:
        assert found(firm, user) <= readable(firm, user)


def test_no_filter_tells_of_a_file_that_was_kept_out(firm: Firm) -> None:
    """Neither its folder, its type nor its day: all answers are as for what is not there."""
    firm.house.__dict__["generator"] = Scribe("The wombat sleeps.")
    firm.write("open/one.txt", "secret1 wombat")
    deal = firm.write("inner/deal.csv", "secret2 wombat,price\nsecret2,9\n", 0o640)
    os.utime(deal, (0, 0))
    firm.add(*MAPPED)
    firm.give("jurists", "cooks")
    firm.sync()
    for user in READERS:
        absent = _told(firm, user, {"folders": ["nowhere"]})
        assert absent[0] == []
        for within in _FITTING:
            assert _told(firm, user, within) == absent
        assert _told(firm, user, {"folders": ["open"]})[0]


def _told(firm: Firm, user: str, within: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """All that somebody is told through a filter, but for the filter itself and how long it took."""
    asked = {"collection": "share", "question": "wombat", "user": user, "within": within}
    answer = firm.run("ask", **asked)[-1]["answer"]
    return firm.run("search", **asked), {name: answer[name] for name in answer if name not in ("filter", "timings")}
