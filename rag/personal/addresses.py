"""E-mail addresses, found from their `@` outwards."""

import re
from collections.abc import Iterator

from rag.personal.kinds import Kind, Span

_LOCAL_MAX = 64
"""RFC 5321, section 4.5.3.1.1."""
_LOCAL_BACKWARDS = re.compile(r"[\w%+'&-][\w.%+'&-]{0,63}")
_DOMAIN = re.compile(r"@((?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24})(?![\w-])")


def find_addresses(text: str) -> Iterator[Span]:
    """Every address with a domain of two labels or more, in a narrowed text."""
    for match in _DOMAIN.finditer(text):
        before = text[max(0, match.start() - _LOCAL_MAX) : match.start()][::-1]
        local = _LOCAL_BACKWARDS.match(before)
        kept = local.group().rstrip(".'") if local else ""
        if kept:
            yield Span(match.start() - len(kept), match.end(), Kind.EMAIL)
