"""What the file system says of a reader, in files that truly have these rights; compared with what the kernel does."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import SourceUnavailable
from rag.sources.rights import ENTER, READ, Access, Reader, access_of, barred, gid_of, parse_acl
from tests.rag.sources.acl import GROUP, MASK, NOBODY, OTHERS, OWNER, OWNING_GROUP, USER, Entry, packed, set_acl

OWN, OTHER = os.getgid(), 54321
STRANGER = 54322


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "file"
    made.write_text("x")
    return made


@pytest.mark.parametrize(
    ("mode", "own", "other"),
    [
        (0o640, True, False),
        (0o644, True, True),
        (0o600, False, False),
        (0o604, False, False),  # who is in its group as well is told no
        (0o044, False, False),  # and its owner too
        (0o000, False, False),
    ],
)
def test_a_mode_says_who_reads(path: Path, mode: int, own: bool, other: bool) -> None:
    path.chmod(mode)
    access = access_of(str(path))
    assert (access.lets(OWN, READ), access.lets(OTHER, READ)) == (own, other)


def test_a_folder_is_entered_with_another_bit(tmp_path: Path) -> None:
    tmp_path.chmod(0o740)
    assert not access_of(str(tmp_path)).lets(OWN, ENTER)
    tmp_path.chmod(0o710)
    assert access_of(str(tmp_path)).lets(OWN, ENTER)


def test_a_named_group_reads_what_its_entry_gives_as_the_mask_leaves_it(path: Path) -> None:
    set_acl(path, (GROUP, 4, OTHER))
    assert (access_of(str(path)).lets(OTHER, READ), access_of(str(path)).lets(OWN, READ)) == (True, False)
    set_acl(path, (GROUP, 4, OTHER), mask=0)
    assert not access_of(str(path)).lets(OTHER, READ)


def test_a_named_group_without_the_right_is_not_helped_by_the_entry_for_others(path: Path) -> None:
    set_acl(path, (GROUP, 0, OTHER), group=4, others=4)
    access = access_of(str(path))
    assert (access.lets(OTHER, READ), access.lets(OWN, READ), access.lets(STRANGER, READ)) == (False, True, False)


def test_a_user_who_is_named_without_the_right_closes_it_for_every_group(path: Path) -> None:
    """They may be in that group."""
    set_acl(path, (USER, 0, STRANGER), group=4, others=4)
    assert not any(access_of(str(path)).lets(gid, READ) for gid in (OWN, OTHER))
    set_acl(path, (USER, 4, STRANGER), group=4, others=4)
    assert access_of(str(path)).lets(OTHER, READ)


def test_an_opened_file_is_judged_like_a_named_one(path: Path) -> None:
    set_acl(path, (GROUP, 4, OTHER))
    with path.open() as file:
        assert access_of(file.fileno()) == access_of(str(path))


@pytest.mark.parametrize(
    "content", [b"", b"\1\0\0\0", packed()[:3], packed((OWNER, 7, NOBODY))[:-1], packed((0x40, 7, 0)), packed()]
)
def test_an_acl_that_is_not_understood_lets_nobody(content: bytes) -> None:
    assert not parse_acl(content, OWN).lets(OWN, READ)


def test_the_first_reader_without_the_right_is_named() -> None:
    access = Access((7,), ((OWN, 4),), 0)
    mine, theirs = Reader("group mine", (OWN,)), Reader("group theirs", (OTHER,))
    assert barred(access, (mine,), READ) is None
    assert barred(access, (mine, theirs), READ) is theirs
    assert barred(access, (), READ) is None


@pytest.mark.parametrize("gids", [(), (OWN, OTHER)])
def test_a_reader_stands_for_all_its_groups_and_for_nobody_without_one(gids: tuple[int, ...]) -> None:
    assert not Reader("group", gids).may(Access((7,), ((OWN, 4),), 0), READ)


def test_a_group_of_the_machine_is_given_by_name_or_number() -> None:
    assert gid_of("54321") == OTHER
    assert gid_of("root") == 0
    with pytest.raises(SourceUnavailable, match="knows no group 'no such group'"):
        gid_of("no such group")


BITS = st.integers(0, 7)
NUMBERS = st.sampled_from([OTHER, STRANGER, 54323])
NAMED = st.dictionaries(st.tuples(st.sampled_from([USER, GROUP]), NUMBERS), BITS, max_size=3)


def opens(path: Path, user: int, groups: list[int]) -> bool:
    """Whether the kernel lets somebody read it."""
    command = ["test", "-r", path.name]
    ended = subprocess.run(
        command, user=user, group=groups[0], extra_groups=groups, cwd=path.parent, check=False, timeout=20
    )
    return ended.returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask the kernel on behalf of others")
@settings(max_examples=60, deadline=None)
@given(
    named=NAMED,
    owner=BITS,
    bits=st.tuples(BITS, BITS, BITS),
    who=st.tuples(NUMBERS, st.lists(NUMBERS, min_size=1, max_size=3)),
)
def test_whoever_is_said_to_read_is_let_by_the_kernel(
    named: dict[tuple[int, int], int], owner: int, bits: tuple[int, int, int], who: tuple[int, list[int]]
) -> None:
    """Whatever else they are: owner, named user, in further groups."""
    user, groups = who
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "file"
        path.write_text("x")
        os.chown(path, STRANGER, 54323)
        entries: list[Entry] = [(tag, given, number) for (tag, number), given in named.items()]
        set_acl(path, *entries, owner=owner, group=bits[0], others=bits[1], mask=bits[2])
        if any(access_of(str(path)).lets(group, READ) for group in groups):
            assert opens(path, user, groups)


def test_tags_are_those_of_the_kernel() -> None:
    given = packed((OWNER, 6, NOBODY), (OWNING_GROUP, 4, NOBODY), (MASK, 4, NOBODY), (OTHERS, 0, NOBODY))
    assert parse_acl(given, OWN) == Access((6,), ((OWN, 4),), 0)
