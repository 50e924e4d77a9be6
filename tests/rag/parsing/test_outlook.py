"""A mail of Outlook gives what others give; a mail that is attached is a file of its own."""

import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rag.parsing.mail import parse as parse_mail
from rag.parsing.outlook import parse
from tests.rag.parsing.damage import SOME, damaged, ends_well
from tests.rag.parsing.old_office import compound

OUTLOOK = (Path(__file__).parents[2] / "data" / "documents" / "fake-email.msg").read_bytes()


def test_a_mail_of_outlook_gives_the_same() -> None:
    document = parse(OUTLOOK)
    assert document.title == "Test Email"
    assert [block.text for block in document.blocks][1:] == [
        'From: "Matthew Robinson" <mrobinson@unstructured.io>; '
        "To: Matthew Robinson <mrobinson@unstructured.io>; Date: 2023-03-28 17:00:31+00:00",
        "This is a test email to use for unit tests.",
        "Important points:",
        "- Roses are red",
        "- Violets are blue",
    ]
    assert document.modified_at == datetime(2023, 3, 28, 17, 0, 31, tzinfo=UTC)


INTEGER, TEXT, LETTERS = 0x0003, 0x001F, 0x001E
SUBJECT, BODY, NAME, SHORT_NAME = 0x0037, 0x1000, 0x3707, 0x3704


def outlook(head: int, said: Mapping[tuple[int, int], int | str | bytes], **folders: Any) -> dict[str, Any]:
    """A mail or an attachment as a folder of streams; `head` is how long the head of its properties is."""
    properties, streams = bytes(head), {}
    for (name, kind), value in said.items():
        properties += struct.pack("<HHII", kind, name, 6, value if isinstance(value, int) else 0) + bytes(4)
        if not isinstance(value, int):
            raw = value.encode("utf-16-le") if isinstance(value, str) else value
            streams[f"__substg1.0_{name:04X}{kind:04X}"] = raw
    return {"__properties_version1.0": properties} | streams | folders


def test_a_mail_that_is_attached_is_a_file_with_its_subject_its_text_and_what_is_attached_to_it() -> None:
    file = outlook(8, {(SHORT_NAME, TEXT): "LISTE.TXT", (0x3701, 0x0102): b"quinces"})
    inner = outlook(
        24, {(SUBJECT, TEXT): "Été", (BODY, TEXT): "inner words"}, **{"__attach_version1.0_#00000000": file}
    )
    held = outlook(8, {}, **{"__substg1.0_3701000D": inner})
    outer = outlook(32, {(SUBJECT, TEXT): "Outer", (BODY, TEXT): "words"}, **{"__attach_version1.0_#00000000": held})
    document = parse(compound(outer))
    assert [block.text.rstrip("\0") for block in document.blocks] == ["Outer", "words"]
    assert [member.name for member in document.members] == ["Été.eml"]
    attached = parse_mail(document.members[0].data)
    assert (attached.title.rstrip("\0"), attached.blocks[-1].text.rstrip("\0")) == ("Été", "inner words")
    assert [(member.name, member.data.rstrip(b"\0")) for member in attached.members] == [("LISTE.TXT", b"quinces")]


def test_a_body_in_another_encoding_than_the_mail_says_of_it_is_read_in_that_of_its_other_texts() -> None:
    said: dict[tuple[int, int], int | str | bytes] = {
        (0x3FDE, INTEGER): 65001,
        (0x3FFD, INTEGER): 1252,
        (BODY, LETTERS): "été mûr".encode("cp1252"),
    }
    assert parse(compound(outlook(32, said))).blocks[0].text.rstrip("\0") == "été mûr"


@SOME
@given(st.binary(max_size=300) | damaged(OUTLOOK))
def test_any_bytes_are_a_mail_of_outlook_or_a_refusal(data: bytes) -> None:
    assert ends_well(parse, data)
