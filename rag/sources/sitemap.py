"""What a sitemap says (https://www.sitemaps.org/protocol.html): pages, or further sitemaps, plain or gzipped."""

import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain

from rag.errors import SourceUnavailable
from rag.sources.elements import Layout, read_records
from rag.sources.versions import UNSETTLED_SECONDS, is_settled

DAY_SECONDS = timedelta(days=2).total_seconds()
"""After the beginning of a day in UTC it is over everywhere, and no further change has its date."""

PART_BYTES = 65536
_FIELDS = frozenset({"loc", "lastmod"})
_BROKEN = "this is no sitemap (sitemaps.org); look at its address"
_LAYOUT = Layout(frozenset({"urlset", "sitemapindex"}), {"url": _FIELDS, "sitemap": _FIELDS}, _BROKEN)
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31


@dataclass(frozen=True, slots=True)
class Listed:
    """An address in a sitemap, of a page or of a further sitemap, with its date as it is written."""

    location: str
    is_sitemap: bool
    modified: str


def read_sitemap(parts: Iterable[bytes], bytes_max: int, entries_max: int) -> list[Listed]:
    """What a sitemap lists, in its order. Raises SourceUnavailable for what is none, or goes over a bound."""
    return [
        Listed(record.fields["loc"], record.name == "sitemap", record.fields.get("lastmod", ""))
        for record in read_records(unpacked(parts, bytes_max), _LAYOUT, entries_max)
        if record.fields.get("loc")
    ]


def version_of_date(text: str) -> str:
    """What changes with the page; empty for what is no date, and for one that a further change may still have."""
    with suppress(ValueError):
        date = datetime.fromisoformat(text)
        is_day = len(text) == len("2026-01-05")
        if is_settled(date if date.tzinfo else date.replace(tzinfo=UTC), DAY_SECONDS if is_day else UNSETTLED_SECONDS):
            return f"lastmod {text}"
    return ""


def unpacked(parts: Iterable[bytes], bytes_max: int) -> Iterator[bytes]:
    """The parts of a body, gunzipped where they are gzip. Raises SourceUnavailable where they hold over `bytes_max`."""
    ahead = iter(parts)
    head = b""
    while len(head) < len(_GZIP) and (part := next(ahead, b"")):
        head += part
    whole = chain([head], ahead)
    size = 0
    for part in _gunzipped(whole) if head.startswith(_GZIP) else whole:
        size += len(part)
        if size > bytes_max:
            raise SourceUnavailable(f"the sitemap has over {bytes_max} bytes; divide it")
        yield part


def _gunzipped(parts: Iterable[bytes]) -> Iterator[bytes]:
    opened = zlib.decompressobj(wbits=_GZIP_WINDOW)
    try:
        for part in parts:
            left = part
            while left:
                yield opened.decompress(left, PART_BYTES)
                left = opened.unconsumed_tail
        yield opened.flush()
    except zlib.error as error:
        raise SourceUnavailable(_BROKEN) from error
    if not opened.eof or opened.unused_data:
        raise SourceUnavailable(_BROKEN)
