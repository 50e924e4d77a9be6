"""A mailbox on a real server (Dovecot) comes into a collection, messages with what is attached."""

from collections.abc import Iterator
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path

import pytest

from rag.errors import DocumentRejected, SourceRefused, SourceUnavailable
from rag.sources.imap import modified_utf7
from rag.sources.opening import Surroundings, check_source, open_source
from rag.sources.patience import Patience
from rag.sources.record import Credentials, SourceKind, SourceRecord
from rag.sources.source import Source
from security.egress import parse_entry
from security.withheld import Withheld
from tests.rag.conftest import Shelf
from tests.rag.sources.mailbox import Mail, NoMailServer, dovecot
from tests.rag.sources.servers import PASSWORD, USER


@pytest.fixture
def mail() -> Iterator[Mail]:
    try:
        with dovecot() as running:
            yield running
    except NoMailServer as error:
        pytest.skip(str(error))


def message(subject: str, text: str, **attached: str) -> EmailMessage:
    made = EmailMessage()
    made["Subject"], made["From"], made["To"] = subject, "ada@example.com", "bob@example.com"
    made["Date"] = "Mon, 5 Jan 2026 09:00:00 +0000"
    made.set_content(text)
    for name, content in attached.items():
        made.add_attachment(content.encode(), maintype="text", subtype="plain", filename=f"{name}.txt")
    return made


def opened(address: str, tmp_path: Path, password: str = PASSWORD, **options: str) -> Source:
    record = SourceRecord("1", SourceKind.IMAP, address, Credentials(USER, Withheld(password)), options)
    return open_source(record, Surroundings((), tmp_path, Patience()))


def sync(shelf: Shelf, source: Source) -> dict[str, str]:
    with closing(source):
        return {file.doc: file.state.value for file in shelf.loader.load(shelf.managing, source)}


def test_messages_come_in_with_what_is_attached_and_stay_unread(shelf: Shelf, mail: Mail, tmp_path: Path) -> None:
    address = f"imaps://127.0.0.1:{mail.tls}/INBOX"
    mail.append(message("Cellar", "Apples ripen in the cellar.", pears="Pears are picked early."))
    mail.append(message("Plums", "Plums fall in August."))
    options = {"ca_file": str(mail.certificate)}
    ended = sync(shelf, opened(address, tmp_path, **options))
    assert ended == {"1.eml": "indexed", "1.eml/pears.txt": "indexed", "2.eml": "indexed"}
    assert set(shelf.find("cellar")) == {"1.eml"}
    assert set(shelf.find("picked")) == {"1.eml/pears.txt"}
    assert mail.unread() == 2
    embedded = shelf.embedder.embedded
    assert set(sync(shelf, opened(address, tmp_path, **options)).values()) == {"unchanged"}
    mail.delete("Cellar")
    assert sync(shelf, opened(address, tmp_path, **options)) == {"2.eml": "unchanged"}
    assert shelf.find("cellar") == shelf.find("picked") == {}
    assert shelf.embedder.embedded == embedded


def test_an_unchanged_message_is_not_fetched(shelf: Shelf, mail: Mail, tmp_path: Path) -> None:
    address = f"imap://127.0.0.1:{mail.plain}/INBOX"
    mail.append(message("Cellar", "Apples ripen in the cellar."))
    sync(shelf, opened(address, tmp_path))
    source = opened(address, tmp_path)
    source.read = lambda *_: pytest.fail("it was fetched")  # type: ignore[method-assign]
    assert sync(shelf, source) == {"1.eml": "unchanged"}


def test_an_empty_folder_and_one_with_an_accent_are_read(shelf: Shelf, mail: Mail, tmp_path: Path) -> None:
    assert sync(shelf, opened(f"imap://127.0.0.1:{mail.plain}/INBOX", tmp_path)) == {}
    mail.append(message("Poires", "Les poires sont cueillies tôt."), '"R&AOk-unions &- plus"')
    address = f"imap://127.0.0.1:{mail.plain}/R%C3%A9unions%20%26%20plus"
    assert sync(shelf, opened(address, tmp_path)) == {"1.eml": "indexed"}


def test_what_the_server_refuses_is_said_and_nothing_is_lost(shelf: Shelf, mail: Mail, tmp_path: Path) -> None:
    address = f"imap://127.0.0.1:{mail.plain}"
    mail.append(message("Cellar", "Apples ripen in the cellar."))
    sync(shelf, opened(address, tmp_path))
    for wrong, password, sentence in (
        (address, "wrong", "refuses these credentials"),
        (f"{address}/Absent", PASSWORD, "no such folder"),
        ("imap://127.0.0.1:1/", PASSWORD, "cannot be reached"),
        (f"imaps://127.0.0.1:{mail.tls}/", PASSWORD, "not trusted"),
        (f"imaps://127.0.0.1:{mail.plain}/", PASSWORD, "broke off"),
    ):
        with pytest.raises(SourceUnavailable, match=sentence):
            sync(shelf, opened(wrong, tmp_path, password))
    assert set(shelf.find("cellar")) == {"1.eml"}


def test_a_message_over_the_limit_is_refused_unfetched(mail: Mail, tmp_path: Path) -> None:
    mail.append(message("Cellar", "x" * 5000))
    with closing(opened(f"imap://127.0.0.1:{mail.plain}", tmp_path)) as source:
        (file,) = source.survey().files
        assert len(source.read(file, 10_000).data) == file.size
        with pytest.raises(DocumentRejected, match="take out"):
            source.read(file, file.size - 1)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("imaps://mail.example/INBOX", "egress.allowed"),
        ("imap://listed.example/INBOX", "egress.allowed"),
        ("imap://listed.example:993/INBOX", "readable on its way"),
        ("imaps://listed.example/a%0d%0aLOGOUT", "control"),
        ("imaps://bot:pass@listed.example/", "--secret-file"),
    ],
)
def test_an_address_that_is_not_listed_or_not_sealed_is_refused(address: str, sentence: str) -> None:
    record = SourceRecord("1", SourceKind.IMAP, address, Credentials(USER, Withheld(PASSWORD)))
    with pytest.raises(SourceRefused, match=sentence):
        check_source(record, [parse_entry("listed.example:993")])


def test_a_mailbox_without_credentials_is_refused() -> None:
    with pytest.raises(SourceRefused, match="name and a password"):
        check_source(SourceRecord("1", SourceKind.IMAP, "imap://127.0.0.1/"), [])


@pytest.mark.parametrize(
    ("name", "written"),
    [("INBOX", "INBOX"), ("R&D", "R&-D"), ("Réunions", "R&AOk-unions"), ("台北", "&U,BTFw-")],
)
def test_the_name_of_a_folder_is_written_as_the_protocol_wants(name: str, written: str) -> None:
    """RFC 3501, 5.1.3, from which the last one comes."""
    assert modified_utf7(name) == written
