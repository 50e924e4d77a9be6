"""A file inside a file has a name that stays below its container, and there are not too many of them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag.errors import DocumentRejected
from rag.parsing import members
from rag.parsing.members import NAME_CHARACTERS_MAX, Members


def names(*wanted: str) -> list[str]:
    collected = Members()
    for name in wanted:
        collected.add(name, b"")
    return [member.name for member in collected.found]


def test_files_come_with_their_bytes_in_the_order_they_came() -> None:
    collected = Members()
    collected.add("b.txt", b"2")
    collected.add("a/c.txt", b"3")
    assert [(member.name, member.data) for member in collected.found] == [("b.txt", b"2"), ("a/c.txt", b"3")]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("a/../../b.txt", "b.txt"),
        ("..\\..\\b.txt", "b.txt"),
        ("\\\\server\\share\\b.txt", "server/share/b.txt"),
        ("./a//b.txt", "a/b.txt"),
        ("a\0.txt", "a.txt"),
        ("a../" + "x" * 297, "x" * 297),
        ("..", "file"),
        ("", "file"),
        ("/", "file"),
    ],
)
def test_a_name_that_leaves_its_container_stays_below_it(name: str, kept: str) -> None:
    assert names(name) == [kept]


def test_names_that_become_the_same_are_told_apart_by_number() -> None:
    assert names("a/b.txt", "../a/b.txt", "a\\b.txt", "c", "c") == [
        "a/b.txt",
        "a/b (2).txt",
        "a/b (3).txt",
        "c",
        "c (2)",
    ]


def test_a_long_name_keeps_its_end() -> None:
    (name,) = names("x" * 1000 + ".txt")
    assert len(name) == NAME_CHARACTERS_MAX
    assert name.endswith("x.txt")


def test_more_files_or_bytes_than_the_limit_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "MEMBERS_MAX", 2)
    assert len(names("a", "b")) == 2
    with pytest.raises(DocumentRejected, match="over 2 files"):
        names("a", "b", "c")
    monkeypatch.setattr(members, "MEMBERS_BYTES_MAX", 2)
    with pytest.raises(DocumentRejected, match="unpack it, and load those"):
        Members().add("a", b"123")


@given(st.lists(st.text("./\\ab\0 \ud800", max_size=8) | st.text(max_size=400), max_size=6))
@example(["x" * 298 + "/.", "x/" * 200, " ", "../ "])
def test_every_name_is_below_its_container_and_there_once(wanted: list[str]) -> None:
    found = names(*wanted)
    assert len(set(found)) == len(wanted)
    for name in found:
        assert name
        assert not name.startswith("/")
        assert not {"..", ".", ""} & set(name.split("/"))
        assert "\0" not in name
