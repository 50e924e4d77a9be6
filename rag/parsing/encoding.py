"""Bytes to text: UTF-8 first, then what the bytes look like; and text without what a reader cannot see."""

import re
import unicodedata
from contextlib import suppress

from rag.errors import DocumentRejected

SAMPLE_BYTES = 64 * 1024
WESTERN_SHARE_MAX = 0.2
"""French has 3 to 6 % of accented letters, Cyrillic or Greek over half; short texts are guessed badly."""
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""Controls, soft hyphens, zero-width marks, marks that turn the direction of text, tag characters, lone surrogates."""
_TAGS = 0xE0000
_STACKED = re.compile(r"([\u0300-\u036f]{3})[\u0300-\u036f]+")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})


def decode(data: bytes) -> str:
    """Text in whatever encoding it came; raises DocumentRejected when none is likely."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _guess(data)


def _guess(data: bytes) -> str:
    """Western European where few bytes are beyond ASCII, as in French and English; else what the bytes look like."""
    high = sum(byte > 0x7F for byte in data[:SAMPLE_BYTES])  # noqa: PLR2004 - beyond ASCII
    if high <= WESTERN_SHARE_MAX * len(data[:SAMPLE_BYTES]):
        with suppress(UnicodeDecodeError):
            return data.decode("cp1252")
    from charset_normalizer import from_bytes  # 20 ms, which hardly any file needs

    best = from_bytes(data[:SAMPLE_BYTES]).best()
    if best is None:
        raise DocumentRejected("the text's encoding is not known; save the file as UTF-8")
    return data.decode(best.encoding, "replace")


def tagged(text: str) -> str:
    """What is spelt in tag characters, which nothing shows: each stands for the ASCII letter 0xE0000 below it."""
    return "".join(chr(ord(letter) - _TAGS) for letter in text if _TAGS + 0x20 <= ord(letter) < _TAGS + 0x7F)


def clean(text: str) -> str:
    """What a reader sees: composed characters, ligatures in letters, unseen characters gone, spaces single."""
    seen = _UNSEEN.sub("", text).translate(_LIGATURES)
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", _STACKED.sub(r"\1", seen))).strip()
