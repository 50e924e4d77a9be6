"""Passwords: how they are stretched, stored and checked (Argon2id, RFC 9106)."""

import secrets
import threading
from base64 import b64encode
from dataclasses import dataclass

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from security.errors import PasswordRefused

PASSWORD_CHARACTERS_MIN = 12
PASSWORD_BYTES_MAX = 1024
HASHES_AT_ONCE_MAX = 4
"""Bounds the memory that sign-ins can take together."""

_SALT_BYTES = 16
_HASH_BYTES = 32


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """What one guess costs: memory, passes, lanes."""

    memory_kib: int
    passes: int
    lanes: int


PASSWORD_COST = Argon2Cost(memory_kib=19 * 1024, passes=2, lanes=1)
"""OWASP Password Storage Cheat Sheet, first choice of its Argon2id list."""


def stretch(secret: bytes, salt: bytes, cost: Argon2Cost) -> bytes:
    """Give 32 bytes from a secret that people can remember. Takes the time and memory of `cost`."""
    kdf = Argon2id(salt=salt, length=_HASH_BYTES, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory_kib)
    return kdf.derive(secret)


def check_strength(password: str) -> None:
    """Raise PasswordRefused for a password too short to be safe or too long to be handled."""
    if len(password) < PASSWORD_CHARACTERS_MIN:
        raise PasswordRefused(
            f"the password has {len(password)} characters, expected {PASSWORD_CHARACTERS_MIN} or more; choose another"
        )
    if len(password.encode()) > PASSWORD_BYTES_MAX:
        raise PasswordRefused(f"the password is longer than {PASSWORD_BYTES_MAX} bytes; choose a shorter one")


class PasswordHasher:
    """Makes and checks password hashes in the PHC string format. Safe to use from several threads."""

    def __init__(self, cost: Argon2Cost = PASSWORD_COST) -> None:
        self._cost = cost
        self._turn = threading.BoundedSemaphore(HASHES_AT_ONCE_MAX)
        self._decoy: str | None = None

    def hash(self, password: str) -> str:
        """Give the hash to keep. Every call gives another one, for the salt is new."""
        kdf = Argon2id(
            salt=secrets.token_bytes(_SALT_BYTES),
            length=_HASH_BYTES,
            iterations=self._cost.passes,
            lanes=self._cost.lanes,
            memory_cost=self._cost.memory_kib,
        )
        with self._turn:
            return kdf.derive_phc_encoded(password.encode())

    def matches(self, password: str, hashed: str | None) -> bool:
        """Tell whether the password made the hash. With no hash, does the same work and tells False."""
        given = password.encode()
        if len(given) > PASSWORD_BYTES_MAX:
            return False
        with self._turn:
            is_right = _verify(given, hashed if hashed is not None else self._decoy_hash())
        return is_right and hashed is not None

    def _decoy_hash(self) -> str:
        if self._decoy is None:
            salt, hashed = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_HASH_BYTES)
            self._decoy = _phc(self._cost, salt, hashed)
        return self._decoy


def _verify(given: bytes, hashed: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(given, hashed)
    except InvalidKey:
        return False
    return True


def _phc(cost: Argon2Cost, salt: bytes, hashed: bytes) -> str:
    parts = (b64encode(part).decode().rstrip("=") for part in (salt, hashed))
    return f"$argon2id$v=19$m={cost.memory_kib},t={cost.passes},p={cost.lanes}$" + "$".join(parts)
