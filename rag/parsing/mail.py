"""Mail (EML and MSG) to blocks: subject, people and date, then the text; attachments are files of their own."""

import io
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parsedate_to_datetime

import oxmsg

from rag.documents import Block, BlockKind, ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing import html, text
from rag.parsing.encoding import decode
from rag.parsing.members import Members

PARTS_MAX = 1000
DEPTH_MAX = 20
_PEOPLE = ("From", "To", "Cc")
_HEADER_CHARACTERS_MAX = 500


def parse_eml(data: bytes) -> ParsedDocument:
    """A mail of RFC 5322. Raises DocumentRejected for one that nests or holds too much."""
    try:
        message = BytesParser(policy=policy.default).parsebytes(data)
        parts = list(_parts(message, 0))
    except (RecursionError, ValueError, LookupError, AttributeError, IndexError) as error:
        raise DocumentRejected("the mail is broken; save it again from a mail program") from error
    members = Members()
    bodies: dict[str, str] = {}
    for part in parts:
        kind, name = part.get_content_type(), _header(part.get_filename() or "")
        if kind == "message/rfc822":
            members.add(name or "message.eml", _inner(part))
        elif part.is_attachment() or (name and not kind.startswith("text/")):
            members.add(name or "attachment", _payload(part))
        elif kind in {"text/plain", "text/html"}:
            bodies.setdefault(kind, _text(part))
    people = [(name, _header(str(message.get(name, "")))) for name in (*_PEOPLE, "Date")]
    return _mail(_header(str(message.get("Subject", ""))), people, bodies, _date(message), members)


def parse_msg(data: bytes) -> ParsedDocument:
    """A mail as Outlook saves it. Raises DocumentRejected for a broken one."""
    try:
        message = oxmsg.Message.load(io.BytesIO(data))
        members = Members()
        for attachment in message.attachments:
            members.add(attachment.file_name or "attachment", attachment.file_bytes or b"")
        bodies = {"text/plain": message.body or "", "text/html": message.html_body or ""}
        recipients = ", ".join(f"{each.name} <{each.email_address}>" for each in message.recipients)
        people = [("From", message.sender or ""), ("To", recipients), ("Date", str(message.sent_date or ""))]
        return _mail(message.subject or "", people, bodies, message.sent_date, members)
    except DocumentRejected:
        raise
    except Exception as error:
        raise DocumentRejected("the mail is broken; save it again from Outlook") from error


def _mail(
    subject: str, people: list[tuple[str, str]], bodies: dict[str, str], sent: datetime | None, members: Members
) -> ParsedDocument:
    blocks = [Block(BlockKind.HEADING, subject, level=1)] if subject else []
    heads = "; ".join(f"{name}: {value}" for name, value in people if value)
    blocks += [Block(BlockKind.PARAGRAPH, heads)] if heads else []
    plain = bodies.get("text/plain", "").strip()
    if plain:
        blocks += text.parse_text(plain.encode()).blocks
    elif bodies.get("text/html", "").strip():
        blocks += html.parse(bodies["text/html"].encode()).blocks
    return ParsedDocument(subject, None, tuple(blocks), sent, members.found)


def _parts(message: EmailMessage, depth: int) -> Iterator[EmailMessage]:
    """The leaves of a mail; a mail in the mail is one."""
    stack = [(message, depth)]
    count = 0
    while stack:
        part, depth = stack.pop()
        count += 1
        if depth > DEPTH_MAX or count > PARTS_MAX:
            raise DocumentRejected(f"the mail has over {PARTS_MAX} parts or nests over {DEPTH_MAX}; save it anew")
        if part.is_multipart() and part.get_content_type() != "message/rfc822":
            stack += [(child, depth + 1) for child in reversed(list(part.iter_parts()))]
        else:
            yield part


def _payload(part: EmailMessage) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _inner(part: EmailMessage) -> bytes:
    inner = part.get_payload(0) if part.is_multipart() else part
    return inner.as_bytes() if isinstance(inner, EmailMessage) else _payload(part)


def _text(part: EmailMessage) -> str:
    """The text in the charset that it says, or as it looks where that is not known."""
    with suppress(LookupError, ValueError):
        content = part.get_content()
        return content if isinstance(content, str) else ""
    return decode(_payload(part))


def _header(value: str) -> str:
    return " ".join(value.split())[:_HEADER_CHARACTERS_MAX]


def _date(message: EmailMessage) -> datetime | None:
    with suppress(TypeError, ValueError, IndexError):
        return parsedate_to_datetime(str(message.get("Date")))
    return None
