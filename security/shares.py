"""A secret in shares, so that two or more people must come together: Shamir's scheme (CACM 1979) from pycryptodome.

A share, as a person keeps it:

    huisclos-share-1 : set (8 hex) : needed : number : bytes (64 hex) : check (8 hex)

The library splits 16 bytes, so the 32 bytes of a secret are two halves, each split alone; fewer shares than needed
tell nothing of either. `set` tells the shares of one splitting from another's, `check` (the start of a SHA-256 of
what precedes) a typing error. Neither proves anything: the slot's commitment does.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence

from Crypto.Protocol.SecretSharing import Shamir

from security.errors import KeyringLocked

SHARES_MIN, SHARES_MAX = 2, 16
_HALF = 16
_FORMAT = "huisclos-share-1"
_SHARE = re.compile(rf"({_FORMAT}:([0-9a-f]{{8}}):(\d+):(\d+):([0-9a-f]{{64}})):([0-9a-f]{{8}})")


def split_secret(secret: bytes, needed: int, count: int) -> tuple[str, ...]:
    """Give `count` shares of a 32-byte secret, any `needed` of which give it back. Raises ValueError."""
    if len(secret) != 2 * _HALF or not SHARES_MIN <= needed <= count <= SHARES_MAX:
        raise ValueError(f"{needed} of {count} shares: expected 2 or more needed, at most as many as there are, of 16")
    halves = (Shamir.split(needed, count, half, ssss=False) for half in (secret[:_HALF], secret[_HALF:]))
    name = secrets.token_hex(4)
    return tuple(
        _text(name, needed, number, first + second) for (number, first), (_, second) in zip(*halves, strict=True)
    )


def join_shares(texts: Sequence[str]) -> bytes:
    """Give the secret back from shares of one set. Raises KeyringLocked naming the share that does not fit."""
    found = [_parse(place, text) for place, text in enumerate(texts, 1)]
    needed = max((share[1] for share in found), default=2)
    by_number = {number: content for _, _, number, content in found}
    if len({share[:2] for share in found}) > 1:
        raise KeyringLocked("the shares are of different sets; give those that were made together")
    if len(by_number) < needed:
        raise KeyringLocked(f"{len(by_number)} different shares were given, {needed} are needed; ask another holder")
    chosen = list(by_number.items())[:needed]
    halves = ([(number, content[part]) for number, content in chosen] for part in (slice(_HALF), slice(_HALF, None)))
    return b"".join(Shamir.combine(half, ssss=False) for half in halves)


def needed_of(text: str) -> int:
    """How many shares of the set of this one must come together."""
    return _parse(1, text)[1]


def _text(name: str, needed: int, number: int, content: bytes) -> str:
    body = f"{_FORMAT}:{name}:{needed}:{number}:{content.hex()}"
    return f"{body}:{_check(body)}"


def _parse(place: int, text: str) -> tuple[str, int, int, bytes]:
    match = _SHARE.fullmatch(text.strip())
    if match is None or _check(match[1]) != match[6]:
        raise KeyringLocked(f"share {place} is not whole or was mistyped; copy it again, from {_FORMAT} to its end")
    return match[2], int(match[3]), int(match[4]), bytes.fromhex(match[5])


def _check(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:8]
