"""A package is bounded before it is unpacked, and its XML says nothing but itself."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import DocumentRejected
from rag.parsing import packages
from rag.parsing.packages import open_package, read_part, read_xml
from tests.rag.parsing.damage import SOME, damaged, package

WHOLE = package({"a.xml": "<a>words</a>", "b.txt": "more words " * 30})


def xml(text: str) -> str:
    with open_package(package({"a.xml": text}), "file") as opened:
        return "".join(str(part) for part in read_xml(opened, "a.xml", "file").itertext())


def test_a_part_comes_as_bytes_and_as_xml() -> None:
    with open_package(WHOLE, "file") as opened:
        assert read_part(opened, "a.xml", "file") == b"<a>words</a>"
        assert read_xml(opened, "a.xml", "file").text == "words"


def test_what_unpacks_beyond_the_limit_is_rejected_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "UNPACKED_BYTES_MAX", 1000)
    parts = {f"{number}": bytes(range(256)) for number in range(4)}
    with pytest.raises(DocumentRejected, match="the file unpacks to"):
        open_package(package(parts), "file")
    del parts["0"]
    open_package(package(parts), "file").close()


def test_what_unpacks_to_much_more_than_it_is_is_rejected() -> None:
    with pytest.raises(DocumentRejected, match="unpacks to 9 MB"):
        open_package(package({"zeros": bytes(10_000_000)}), "file")


def test_a_package_of_very_many_files_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "ENTRIES_MAX", 2)
    with pytest.raises(DocumentRejected, match="holds 3 files; the limit is 2"):
        open_package(package({"a": "1", "b": "2", "c": "3"}), "file")


def test_a_locked_package_is_named_as_locked() -> None:
    locked = bytearray(package({"a": "1"}))
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(DocumentRejected, match="locked with a password"):
        open_package(bytes(locked), "file")


def test_a_part_that_holds_more_than_it_declares_gives_no_more() -> None:
    out = bytearray(package({"a": b"x" * 50_000}))
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", out, out.index(mark) + place, 10)
    with open_package(bytes(out), "file") as opened, pytest.raises(DocumentRejected):
        read_part(opened, "a", "file")


def test_a_part_that_is_missing_or_packed_wrongly_is_a_broken_file() -> None:
    broken = bytearray(WHOLE)
    broken[broken.index(b"b.txt") + 5] = 0xFF  # a block of a kind that deflate does not have
    with open_package(bytes(broken), "file") as opened:
        for name in ("b.txt", "c.txt"):
            with pytest.raises(DocumentRejected, match="broken; open it and save it again"):
                read_part(opened, name, "file")


def test_two_parts_of_one_name_are_told_apart() -> None:
    twice = package({"a.txt": "first", "b.txt": "second"}).replace(b"b.txt", b"a.txt")
    with open_package(twice, "file") as opened:
        assert [read_part(opened, entry, "file") for entry in opened.infolist()] == [b"first", b"second"]


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE a [<!ENTITY e "words">]>',
        '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd">',
        "<!DOCTYPE a [" + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12)) + "]>",
    ],
)
def test_xml_that_declares_entities_is_rejected(doctype: str) -> None:
    with pytest.raises(DocumentRejected, match=r"declares entities|broken"):
        xml(f"<?xml version='1.0'?>{doctype}<a>x</a>")


@pytest.mark.parametrize("text", ["", "<a>", "<a>&e;</a>", "<a/><b/>", "<a>" * 300 + "</a>" * 300, "\0"])
def test_xml_that_is_not_well_formed_or_nests_without_end_is_rejected(text: str) -> None:
    with pytest.raises(DocumentRejected, match="broken"):
        xml(text)


@SOME
@given(st.binary(max_size=200) | damaged(WHOLE) | st.binary(max_size=200).map(b"PK\x03\x04".__add__))
def test_any_bytes_are_a_package_or_a_refusal(data: bytes) -> None:
    with suppress(DocumentRejected), open_package(data, "file") as opened:
        for name in opened.namelist():
            read_part(opened, name, "file")
