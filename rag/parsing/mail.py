"""Mail (EML) to blocks: subject, people and date, then the text; attachments are files of their own."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from email import policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from email.utils import parsedate_to_datetime

from rag.documents import Block, BlockKind, ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing import html, text
from rag.parsing.encoding import decode
from rag.parsing.members import Members

PARTS_MAX = 1000
DEPTH_MAX = 20
PLAIN, HTML = "text/plain", "text/html"
_BODIES = frozenset({PLAIN, HTML})
POLICY = policy.default.clone(refold_source="none")
"""What is attached is handed on as it came."""
_WRONG = (ValueError, LookupError, AttributeError, TypeError, OverflowError)
"""What the standard library raises on headers and parts that are not as they should be."""
_PEOPLE = ("From", "To", "Cc")
_HEADER_CHARACTERS_MAX = 500


def parse(data: bytes) -> ParsedDocument:
    """A mail of RFC 5322. Raises DocumentRejected for one that nests or holds too much."""
    try:
        return _read(BytesParser(policy=POLICY).parsebytes(data))
    except (RecursionError, *_WRONG) as error:
        raise DocumentRejected("the mail is broken; save it again from a mail program") from error


def _read(message: EmailMessage) -> ParsedDocument:
    members = Members()
    bodies: list[tuple[str, str]] = []
    for part in _parts(message):
        kind, name = part.get_content_type(), _header(part.get_filename() or "")
        if kind == "message/rfc822":
            members.add(name or "message.eml", _inner(part))
        elif part.is_attachment() or (name and kind not in _BODIES):
            members.add(name or "attachment", _payload(part))
        elif kind in _BODIES:
            bodies.append((kind, _text(part)))
    people = [(name, _said(message, name)) for name in (*_PEOPLE, "Date")]
    return mail_document(_said(message, "Subject"), people, bodies, _date(message), members)


def mail_document(
    subject: str, people: list[tuple[str, str]], bodies: list[tuple[str, str]], sent: datetime | None, members: Members
) -> ParsedDocument:
    """A mail of its parts; `people` are named as they stand above the text, `bodies` are of PLAIN or HTML."""
    blocks = [Block(BlockKind.HEADING, subject, level=1)] if subject else []
    heads = "; ".join(f"{name}: {value}" for name, value in people if value)
    blocks += [Block(BlockKind.PARAGRAPH, heads)] if heads else []
    for kind, body in bodies:
        read = text.parse_text if kind == PLAIN else html.parse
        blocks += read(body.encode("utf-8", "replace")).blocks if body.strip() else ()
    return ParsedDocument(subject, None, tuple(blocks), sent, members.found)


def _parts(message: EmailMessage) -> Iterator[EmailMessage]:
    """The leaves of a mail; a mail in the mail is one. Of alternatives to a plain text, HTML is left out."""
    stack = [(message, 0, False)]
    count = 0
    while stack:
        part, depth, has_plain = stack.pop()
        count += 1
        if depth > DEPTH_MAX or count > PARTS_MAX:
            raise DocumentRejected(f"the mail has over {PARTS_MAX} parts or nests over {DEPTH_MAX}; save it anew")
        if part.is_multipart() and part.get_content_type() != "message/rfc822":
            children = list(part.iter_parts())
            is_choice = part.get_content_type() == "multipart/alternative"
            has_plain = has_plain or (is_choice and any(_is_plain(child) for child in children))
            stack += [(child, depth + 1, has_plain) for child in reversed(children)]
        elif not has_plain or part.get_content_type() != HTML or part.is_attachment():
            yield part


def _is_plain(part: MIMEPart) -> bool:
    return part.get_content_type() == PLAIN and bool(_text(part).strip())


def _payload(part: MIMEPart) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _inner(part: EmailMessage) -> bytes:
    inner = part.get_payload(0) if part.is_multipart() else part
    return inner.as_bytes() if isinstance(inner, EmailMessage) else _payload(part)


def _text(part: MIMEPart) -> str:
    """The text in the charset that it says, or as it looks where that is not known or not so."""
    payload = _payload(part)
    with suppress(LookupError, ValueError):
        return payload.decode(part.get_content_charset("ascii"))
    return decode(payload)


def _header(value: str) -> str:
    return " ".join(value.split())[:_HEADER_CHARACTERS_MAX]


def _said(message: EmailMessage, name: str) -> str:
    """A header; nothing where it cannot be decoded, as it is not worth the mail."""
    with suppress(*_WRONG):
        return _header(str(message.get(name, "")))
    return ""


def _date(message: EmailMessage) -> datetime | None:
    with suppress(*_WRONG):
        return parsedate_to_datetime(_said(message, "Date"))
    return None
