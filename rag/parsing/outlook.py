"""Mail of Outlook (MSG) to what `mail.py` gives; a mail attached to it becomes one of RFC 5322. [MS-OXMSG]."""

import encodings.aliases
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

import oxmsg

from rag.documents import ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing.mail import DEPTH_MAX, HTML, PLAIN, POLICY, mail_document
from rag.parsing.members import Members

_ENCODINGS = {"windows_874": "cp874", "windows_950": "cp950", "dos_720": "cp720"}
"""Names that oxmsg gives to code pages which Python has under others."""
_BODY, _PAGE = (0x1000, 0x001E), (0x1013, 0x0102)
"""A body in letters of one byte, and one in HTML. [MS-OXCMSG] 2.2.1.58."""
_CODE_PAGE, _LATIN = 0x3FFD, 1252
_SHORT_NAME, _SHOWN_NAME = 0x3704, 0x3001
_INNER, _PROPERTIES, _HEAD_LACKS = "__substg1.0_3701000D", "__properties_version1.0", bytes(8)
"""Where an attached mail lies; the head of its properties is shorter than that of the mail itself. 2.4.1.1."""


def parse(data: bytes) -> ParsedDocument:
    """A mail of Outlook. Raises DocumentRejected for a broken one."""
    encodings.aliases.aliases.update(_ENCODINGS)
    try:
        message = oxmsg.Message.load(io.BytesIO(data))
        members = Members()
        for name, attached in _attached(message, 0):
            members.add(name, attached.as_bytes(policy=POLICY) if isinstance(attached, EmailMessage) else attached)
        sent = _sent(message)
        people = [*_people(message).items(), ("Date", str(sent or ""))]
        return mail_document(message.subject or "", people, [_body(message)], sent, members)
    except DocumentRejected:
        raise
    except Exception as error:
        raise DocumentRejected("the mail is broken; save it again from Outlook") from error


def _people(message: oxmsg.Message) -> dict[str, str]:
    recipients = ", ".join(f"{each.name} <{each.email_address}>" for each in message.recipients)
    return {"From": message.sender or "", "To": recipients}


def _sent(message: oxmsg.Message) -> datetime | None:
    """When it was sent; a broken mail may say a number of another type."""
    sent = message.sent_date
    return sent if isinstance(sent, datetime) else None


def _body(message: oxmsg.Message) -> tuple[str, str]:
    """Its type and the text: the plain one where there is one."""
    plain = _text(message, lambda: message.body, _BODY)
    return (PLAIN, plain) if plain.strip() else (HTML, _text(message, lambda: message.html_body, _PAGE))


def _text(message: oxmsg.Message, read: Callable[[], str | None], stream: tuple[int, int]) -> str:
    """A text as oxmsg reads it; where it is not in the encoding of a body, in that of all other texts of the mail."""
    try:
        return read() or ""
    except ValueError:
        page = message.properties.int_prop_value(_CODE_PAGE) or _LATIN
        raw: bytes = message._storage.property_stream_bytes(*stream)
        return raw.decode(f"cp{page}", "replace")


def _attached(message: oxmsg.Message, depth: int) -> Iterator[tuple[str, bytes | EmailMessage]]:
    """The files and the mails that are attached, by name."""
    if depth > DEPTH_MAX:
        raise DocumentRejected(f"the mail nests over {DEPTH_MAX} mails; save those that matter by themselves")
    for each in message.attachments:
        inner = next((inside for inside in each._storage.storages if inside.name == _INNER), None)
        if inner is not None and _PROPERTIES in inner._streams_by_name:
            found = oxmsg.Message(_headed(inner))
            yield f"{found.subject or 'message'}.eml".replace("/", "-"), _as_mail(found, depth + 1)
        else:
            said = (each.properties.str_prop_value(name) for name in (_SHORT_NAME, _SHOWN_NAME))
            yield each.file_name or next(filter(None, said), "attachment"), each.file_bytes or b""


def _headed(storage: Any) -> Any:
    """A mail within a mail with its properties where oxmsg looks for those of a mail."""
    streams = tuple(
        replace(stream, bytes_=_HEAD_LACKS + stream.bytes_) if stream.name == _PROPERTIES else stream
        for stream in storage.streams
    )
    return replace(storage, streams=streams)


def _as_mail(message: oxmsg.Message, depth: int) -> EmailMessage:
    mail = EmailMessage(policy=POLICY)
    for name, value in ({"Subject": message.subject or ""} | _people(message)).items():
        mail[name] = " ".join(value.split())
    if sent := _sent(message):
        mail["Date"] = format_datetime(sent)
    kind, text = _body(message)
    mail.set_content(text.encode("utf-8", "replace").decode(), subtype=kind.partition("/")[2])
    for name, attached in _attached(message, depth):
        if isinstance(attached, EmailMessage):
            mail.add_attachment(attached)
        else:
            mail.add_attachment(attached, maintype="application", subtype="octet-stream", filename=name)
    return mail
