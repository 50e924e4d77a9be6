"""A password proven to a server that has its salted hash, which proves in turn that it has it (SCRAM: RFC 5802, 7677).

The password itself is sent to nobody. Kafka prepares neither names nor passwords (no SASLprep), nor is it done here.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

from rag.sources.record import Credentials

ITERATIONS_MIN = 4096
"""RFC 7677; a server that asks for fewer would try the proofs of weak passwords sooner."""

ITERATIONS_MAX = 1_000_000
"""Half a second; Kafka makes 4,096 to 16,384."""

_HASHES = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
_FIRST = re.compile(r"r=([\x21-\x2b\x2d-\x7e]{1,1024}),s=([A-Za-z0-9+/]{1,1024}={0,2}),i=(\d{1,9})(?:,.*)?", re.ASCII)
MECHANISMS = tuple(_HASHES)


class ProofRefused(ValueError):
    """What the server says proves nothing, or is not of this protocol."""


class Denied(ValueError):
    """The server does not take the name, or the proof."""


@dataclass
class Scram:
    """One sign-in: `first`, then `final` with the server's answer, then `check` with the next."""

    mechanism: str
    credentials: Credentials
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _said: str = ""
    _expected: bytes = b""

    def first(self) -> bytes:
        """Who signs in."""
        name = self.credentials.user.replace("=", "=3D").replace(",", "=2C")
        self._said = f"n={name},r={self.nonce}"
        return f"n,,{self._said}".encode()

    def final(self, answer: bytes) -> bytes:
        """The proof. Raises ProofRefused."""
        found = _FIRST.fullmatch(answer.decode("ascii", "replace"))
        if not found or not found[1].startswith(self.nonce) or found[1] == self.nonce:
            raise ProofRefused
        iterations = int(found[3])
        if not ITERATIONS_MIN <= iterations <= ITERATIONS_MAX:
            raise ProofRefused
        ending = f"c=biws,r={found[1]}"
        both = f"{self._said},{found[0]},{ending}".encode()
        name, secret = _HASHES[self.mechanism], self.credentials.secret.encode()
        salted = hashlib.pbkdf2_hmac(name, secret, base64.b64decode(found[2]), iterations)
        key = hmac.digest(salted, b"Client Key", name)
        signature = hmac.digest(hashlib.new(name, key).digest(), both, name)
        self._expected = hmac.digest(hmac.digest(salted, b"Server Key", name), both, name)
        proof = bytes(ours ^ theirs for ours, theirs in zip(key, signature, strict=True))
        return f"{ending},p={base64.b64encode(proof).decode()}".encode()

    def check(self, answer: bytes) -> None:
        """Raise Denied where the server does not sign in, ProofRefused where it does not have the password's hash."""
        if answer.startswith(b"e="):
            raise Denied
        if not self._expected or not hmac.compare_digest(answer, b"v=" + base64.b64encode(self._expected)):
            raise ProofRefused
