"""Rich text without what its reader does not see: deletions, tiny letters, running headers and footers."""

import re
from dataclasses import dataclass, replace

TINY_HALF_POINTS = 4
_TOKEN = re.compile(
    rb"\\bin(?P<count>\d{1,9}) ?"
    rb"|\\(?P<word>[a-zA-Z]{1,32})(?P<value>-?\d{1,9})? ?"
    rb"|\\'[0-9a-fA-F]{2}|\\.|[{}]|[^\\{}]+|\\",
    re.S,
)
"""Rich Text Format 1.9.1, "RTF syntax"."""
_RUNNING = frozenset(b"header headerl headerr headerf footer footerl footerr footerf".split())


@dataclass(frozen=True, slots=True)
class _Look:
    """What holds in a group until it ends: text of a deletion, of a size that is not there to be read, left out."""

    is_deleted: bool = False
    is_tiny: bool = False
    is_left_out: bool = False

    def after(self, word: bytes, value: bytes | None) -> "_Look":
        if word in _RUNNING:
            return replace(self, is_left_out=True)
        if word == b"deleted":
            return replace(self, is_deleted=value != b"0")
        if word == b"fs":
            return replace(self, is_tiny=int(value or 24) <= TINY_HALF_POINTS)
        return replace(self, is_deleted=False, is_tiny=False) if word == b"plain" else self


def visible(data: bytes) -> bytes:
    """The same text with the letters left out that are not seen; what is no rich text comes back as it is."""
    kept: list[bytes] = []
    looks = [_Look()]
    place = 0
    while place < len(data):
        token = _TOKEN.match(data, place)
        end = place + 1 if token is None else token.end() + int(token["count"] or 0)
        found, place = data[place:end], end
        word = token["word"] if token is not None else None
        if found == b"{":
            looks.append(looks[-1])
        elif found == b"}" and len(looks) > 1:
            looks.pop()
        elif word and token is not None:
            looks[-1] = looks[-1].after(word, token["value"])
        if found in {b"{", b"}"} or _stays(looks[-1], word):
            kept.append(found)
    return b"".join(kept)


def _stays(look: _Look, word: bytes | None) -> bool:
    """Whether a token is kept: a word that gives no letter stays in hidden text, for what it sets."""
    if look.is_left_out:
        return False
    return not (look.is_deleted or look.is_tiny) or word not in {None, b"u"}
