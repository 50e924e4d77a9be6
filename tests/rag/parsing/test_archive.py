"""An archive gives its files, under names that cannot leave it, and nothing that it could be made to unpack."""

import io
import stat
import time
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import DocumentEmpty, DocumentRejected
from rag.parsing import archive, packages
from rag.parsing.archive import parse
from tests.rag.parsing.damage import SOME, damaged, damaged_inside, ends_well, package

WHOLE = package({"a.txt": "first words", "b/c.md": "# more words\n" * 40})


def files(data: bytes) -> dict[str, bytes]:
    return {member.name: member.data for member in parse(data).members}


def named(raw: bytes, content: str = "x") -> bytes:
    """An archive of one file whose name is these bytes, without the flag that says UTF-8."""
    placeholder = "n" * len(raw)
    return package({placeholder: content}).replace(placeholder.encode(), raw)


def of_kind(kind: int, target: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        entry = zipfile.ZipInfo("entry")
        entry.external_attr = kind << 16
        made.writestr(entry, target)
        made.writestr("seen.txt", "x")
    return out.getvalue()


def test_files_come_whole_with_their_folders_and_without_text() -> None:
    document = parse(WHOLE)
    assert files(WHOLE) == {"a.txt": b"first words", "b/c.md": b"# more words\n" * 40}
    assert (document.title, document.pages, document.blocks) == ("", None, ())


@pytest.mark.parametrize("hidden", [".git/config", "a/.env", "__MACOSX/._a.txt", "a\\.env"])
def test_hidden_files_and_folders_are_left_out(hidden: str) -> None:
    assert list(files(package({hidden: "x", "a/": "", "seen.txt": "x"}))) == ["seen.txt"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("a/../../b.txt", "b.txt"),
        ("..\\b.txt", "b.txt"),
        ("./notes.txt", "notes.txt"),
    ],
)
def test_names_that_leave_the_archive_stay_below_it(name: str, kept: str) -> None:
    assert list(files(package({name: "x"}))) == [kept]


def test_a_symbolic_link_is_not_taken_for_a_file() -> None:
    assert list(files(of_kind(stat.S_IFLNK | 0o777, "/etc/passwd"))) == ["seen.txt"]
    assert list(files(of_kind(stat.S_IFREG | 0o644, "x"))) == ["entry", "seen.txt"]


@pytest.mark.parametrize("raw", ["À Noël.txt".encode("cp850"), "À Noël.txt".encode()])
def test_a_name_without_the_flag_is_what_windows_or_utf_8_wrote(raw: bytes) -> None:
    assert list(files(named(raw))) == ["À Noël.txt"]


def test_a_name_with_the_flag_is_utf_8() -> None:
    assert list(files(package({"α.txt": "x", "年.txt": "x"}))) == ["α.txt", "年.txt"]


def test_a_file_without_a_name_gets_one() -> None:
    assert files(package({"": "x"})) == {"file": b"x"}


def test_two_files_of_one_name_are_both_read() -> None:
    twice = package({"a.txt": "first", "b.txt": "second"}).replace(b"b.txt", b"a.txt")
    assert files(twice) == {"a.txt": b"first", "a (2).txt": b"second"}


def test_an_archive_without_files_is_empty() -> None:
    for parts in ({}, {"folder/": ""}, {".hidden": "x"}):
        with pytest.raises(DocumentEmpty, match="holds no file"):
            parse(package(parts))


@pytest.mark.parametrize("inner", [{"x.txt": "deep"}, {"mimetype.txt": "about mimetype"}, {"a": "[Content_Types].xml"}])
def test_an_archive_in_an_archive_is_rejected_whatever_it_holds(inner: dict[str, str]) -> None:
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w") as made:
        for name, content in inner.items():
            made.writestr(name, content)
    with pytest.raises(DocumentRejected, match="holds another archive"):
        parse(package({"a.txt": "x", "b.txt": stored.getvalue()}))


def test_an_office_file_in_an_archive_is_a_file_like_others() -> None:
    book = package({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "<a/>"})
    assert files(package({"a.odt": book})) == {"a.odt": book}


def test_a_locked_archive_is_named_as_locked() -> None:
    locked = bytearray(WHOLE)
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(DocumentRejected, match="the ZIP archive is locked with a password"):
        parse(bytes(locked))


def test_bombs_of_size_and_of_number_are_rejected_before_anything_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "read_part", lambda *_: pytest.fail("something was unpacked"))
    with pytest.raises(DocumentRejected, match="unpacks to"):
        parse(package({"a.txt": bytes(packages.RATIO_MAX * 50_000)}))
    with pytest.raises(DocumentRejected, match="holds 5001 files; the limit is 5000"):
        parse(package({f"{number}": str(number) for number in range(packages.ENTRIES_MAX + 1)}))


def test_a_thousand_files_of_one_name_are_read_at_once() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for number in range(1000):
            made.writestr("../" * number + "a.txt", "x")
    begin = time.monotonic()
    assert len(files(out.getvalue())) == 1000
    assert time.monotonic() - begin < 2


@SOME
@given(st.binary(max_size=300) | damaged(WHOLE) | damaged_inside(WHOLE))
def test_any_bytes_are_files_or_a_refusal(data: bytes) -> None:
    assert ends_well(parse, data)
