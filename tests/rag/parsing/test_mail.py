"""A mail gives its subject, its people, its date and its text; what is attached is a file of its own."""

import time
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.documents import BlockKind, ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing.mail import parse as parse_eml
from tests.rag.parsing.damage import SOME, damaged, ends_well

HEAD = "Subject: Orchard\nFrom: Ada <ada@example.org>\nMIME-Version: 1.0\n"


def texts(document: ParsedDocument) -> list[str]:
    """The blocks below the subject and the people."""
    return [block.text for block in document.blocks[2:]]


def read(rest: str | bytes) -> ParsedDocument:
    return parse_eml(HEAD.encode() + (rest if isinstance(rest, bytes) else rest.encode()))


def part(kind: str, body: str, more: str = "") -> str:
    return f"Content-Type: {kind}\n{more}\n{body}\n"


def multi(kind: str, *parts: str, mark: str = "B") -> str:
    inside = "".join(f"--{mark}\n{each}" for each in parts)
    return f'Content-Type: multipart/{kind}; boundary="{mark}"\n\n{inside}--{mark}--\n'


def message(*attached: tuple[str, bytes]) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = (
        "Récolte",
        "Ada <ada@example.org>",
        "bob@example.org, Zoé <z@example.org>",
    )
    mail["Date"] = "Wed, 01 May 2024 10:00:00 +0200"
    mail.set_content("Quinces are ripe.\n\n- first crate\n- second crate\n")
    for name, data in attached:
        mail.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return mail


def test_subject_people_and_date_stand_above_the_text() -> None:
    document = parse_eml(message().as_bytes())
    assert [(block.kind, block.text) for block in document.blocks] == [
        (BlockKind.HEADING, "Récolte"),
        (
            BlockKind.PARAGRAPH,
            "From: Ada <ada@example.org>; To: bob@example.org, Zoé <z@example.org>; "
            "Date: Wed, 01 May 2024 10:00:00 +0200",
        ),
        (BlockKind.PARAGRAPH, "Quinces are ripe."),
        (BlockKind.LIST_ITEM, "- first crate"),
        (BlockKind.LIST_ITEM, "- second crate"),
    ]
    assert (document.title, document.pages) == ("Récolte", None)
    assert document.modified_at is not None
    assert document.modified_at.astimezone(UTC) == datetime(2024, 5, 1, 8, tzinfo=UTC)


def test_plain_text_is_preferred_to_its_alternative_in_html_wherever_that_stands() -> None:
    plain, page = part("text/plain", "plain words"), part("text/html", "<p>html words</p>")
    related = multi("related", page, part("image/png; name=a.png", "x"), mark="R")
    for alternatives in ((plain, page), (page, plain), (plain, related)):
        assert texts(read(multi("alternative", *alternatives))) == ["plain words"]
    document = read(multi("alternative", plain, related))
    assert [member.name for member in document.members] == ["a.png"]


def test_html_is_read_where_there_is_no_plain_text_and_without_what_it_hides() -> None:
    page = part("text/html; charset=utf-8", "<h2>Récolte</h2><p>ripe</p><p style='display:none'>unseen</p>")
    empty = part("text/plain", " \n")
    for mail in (page, multi("alternative", empty, page), multi("mixed", page)):
        assert texts(read(mail)) == ["Récolte", "ripe"]


def test_every_text_that_is_no_alternative_is_read_in_order() -> None:
    picture = part("image/png; name=a.png", "x")
    parts = (part("text/html", "<p>first</p>"), picture, part("text/plain", "second"), part("text/plain", "third"))
    document = read(multi("mixed", *parts))
    assert texts(document) == ["first", "second", "third"]
    assert [member.name for member in document.members] == ["a.png"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("=?utf-8?B?w4l0w6k=?=", "Été"),
        ("=?iso-8859-1?Q?=C9t=E9?=", "Été"),
        ("=?utf-8?Q?=C3=89t?= =?utf-8?Q?=C3=A9?=", "Été"),
        ("=?utf-8?Q?a=0D=0Ab?=", "a b"),
        ("Été", "Été"),
        ("folded\n over lines", "folded over lines"),
    ],
)
def test_a_header_is_decoded_and_stands_on_one_line(header: str, expected: str) -> None:
    assert parse_eml(f"Subject: {header}\n\nx".encode()).title == expected


@pytest.mark.parametrize("header", ["=?nonsense?B?w4l0w6k=?=", "=?utf-8?B?*?=", "=?utf-8?Q?=FF=FE?=", "=?", "\x00", ""])
def test_a_header_that_cannot_be_decoded_stops_nothing(header: str) -> None:
    document = parse_eml(f"Subject: {header}\nFrom: {header}\nDate: {header}\n\nwords".encode())
    assert document.blocks[-1].text == "words"


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("utf-8", "récolte".encode()),
        ("iso-8859-1", "récolte".encode("latin-1")),
        ("us-ascii", "récolte".encode()),
        ("utf-8", "récolte".encode("latin-1")),
        ("nonsense", "récolte".encode()),
        ("nonsense", "récolte".encode("cp1252")),
        ("rot13", "récolte".encode()),
        ('"', "récolte".encode()),
    ],
)
def test_a_wrong_or_unknown_charset_gives_way_to_what_the_bytes_look_like(charset: str, body: bytes) -> None:
    for kind in ("plain", "html"):
        assert texts(read(f"Content-Type: text/{kind}; charset={charset}\n\n".encode() + body)) == ["récolte"]


@pytest.mark.parametrize("charset", ["utf-7", "unicode_escape", "utf-16-le", "idna", "punycode", "hex", "undefined"])
def test_no_charset_ends_without_a_mail_or_a_refusal_or_takes_long(charset: str) -> None:
    begin = time.monotonic()
    for body in (b"+2AA- \\ud800 \xd8\x00", b"xn--" + b"a9-" * 20_000, b"\x00\xd8" * 50):
        mail = f"Content-Type: text/plain; charset={charset}\n\n".encode() + body
        assert ends_well(parse_eml, mail)
    assert time.monotonic() - begin < 5


def test_half_a_character_that_a_charset_lets_through_does_not_cost_the_mail() -> None:
    assert texts(read("Content-Type: text/plain; charset=utf-7\n\nwords +2AA-")) == ["words ?"]


@pytest.mark.parametrize(
    "date", ["yesterday", "Wed, 99 May 2024 10:00:00 +0200", "Wed, 1 May 2024 10:00 +9999999999999999"]
)
def test_a_date_that_is_none_is_left_out(date: str) -> None:
    assert parse_eml(f"Subject: x\nDate: {date}\n\nwords".encode()).modified_at is None


def test_attachments_are_members_with_their_bytes_under_names_that_stay_below_the_mail() -> None:
    mail = message(
        ("../../etc/passwd", b"\x00\xff"), ("C:\\a\\b.pdf", b"2"), ("liste é.txt", b"3"), ("x", b"4"), ("x", b"5")
    )
    document = parse_eml(mail.as_bytes())
    assert [(member.name, member.data) for member in document.members] == [
        ("etc/passwd", b"\x00\xff"),
        ("C:/a/b.pdf", b"2"),
        ("liste é.txt", b"3"),
        ("x", b"4"),
        ("x (2)", b"5"),
    ]
    assert texts(document)[0] == "Quinces are ripe."


def test_a_name_is_decoded_where_a_program_encoded_it_against_the_rule() -> None:
    for name in ('name="=?utf-8?B?w4l0w6kudHh0?="', "name*=utf-8''%C3%89t%C3%A9.txt"):
        document = read(multi("mixed", part(f"application/pdf; {name}", "x")))
        assert [member.name for member in document.members] == ["Été.txt"]


def test_text_that_is_attached_is_a_file_and_text_of_another_kind_with_a_name_too() -> None:
    attached = part("text/html", "<p>page</p>", 'Content-Disposition: attachment; filename="a.html"\n')
    document = read(multi("mixed", part("text/plain", "body"), attached, part("text/csv; name=b.csv", "1,2")))
    assert texts(document) == ["body"]
    assert [member.name for member in document.members] == ["a.html", "b.csv"]
    beside = read(multi("alternative", part("text/plain", "body"), attached))
    assert [member.name for member in beside.members] == ["a.html"]


def test_an_attached_mail_is_a_file_as_it_came() -> None:
    inner = b"Subject: =?utf-8?B?w4l0w6k=?=\nX-Long: " + b"word " * 40 + b"\n\ninner words\n"
    document = read(multi("mixed", part("text/plain", "body"), part("message/rfc822", inner.decode())))
    (member,) = document.members
    assert member.name == "message.eml"
    assert member.data.rstrip() == inner.rstrip()
    assert texts(document) == ["body"]
    assert parse_eml(member.data).title == "Été"


def test_thousands_of_parts_and_deep_nesting_are_refused_with_a_sentence() -> None:
    begin = time.monotonic()
    with pytest.raises(DocumentRejected, match="over 1000 parts"):
        read(multi("mixed", *[part("text/plain", "x")] * 1001))
    deep = part("text/plain", "x")
    for number in range(25):
        deep = multi("mixed", deep, mark=f"B{number}.")
    with pytest.raises(DocumentRejected, match="nests over 20"):
        read(deep)
    with pytest.raises(DocumentRejected, match="the mail is broken"):
        read("Content-Type: message/rfc822\n\n" * 3000)
    with pytest.raises(DocumentRejected, match=r"over 1000 (files|parts)"):
        read(multi("mixed", *[part("image/png; name=a.png", "x")] * 1001))
    assert time.monotonic() - begin < 30


WHOLE = message(("a.txt", b"x")).as_bytes()
RELATED = HEAD.encode() + multi("alternative", part("text/plain", "a"), part("text/html", "<p>b</p>")).encode()
HEADERS = ["Content-Type: ", "Content-Transfer-Encoding: ", "From: ", "To: ", "Date: ", "Subject: ", "filename*0*="]
KINDS = ["multipart/mixed; boundary=B", "message/rfc822", "text/html", "; charset=", "base64", "uuencode", "attachment"]
MARKS = ["\n", "\n\n", "--B\n", "--B--", "=?utf-8?q?", "?=", '"', "<", ">", "@", ",", "(", ";", ":", ".", "é", "\0"]
PIECES = st.sampled_from(HEADERS) | st.sampled_from(KINDS) | st.sampled_from(MARKS)
BUILT = st.lists(PIECES, max_size=30).map(lambda pieces: "".join(pieces).encode("latin-1"))


@SOME
@given(st.binary(max_size=300) | damaged(WHOLE) | damaged(RELATED) | BUILT)
def test_any_bytes_are_a_mail_or_a_refusal(data: bytes) -> None:
    assert ends_well(parse_eml, data)
