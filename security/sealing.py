"""Sealed bytes: a value or a stream that opens only with its key, where it was written, as it was written.

A sealed value:

    0x01 | key version (4 bytes, big endian) | nonce (12, random) | AES-256-GCM ciphertext | tag (16)

    associated data = frame("huisclos value", format byte, owner, key version, table, row, column)

A sealed stream, after the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár, CRYPTO 2015):

    0x02 | key version (4) | salt (32, random) | block 0 | block 1 | ... | last block

    stream key = HKDF(stream sub-key, salt, frame("huisclos stream", format byte, owner, key version, context))
    nonce of block i = 7 zero bytes | i (4 bytes, big endian) | 1 if last else 0
    every block but the last holds exactly 65,536 bytes of plaintext; each ends with its tag

`frame` puts the length (4 bytes, big endian) before each part, so that no two lists of parts look alike. The
sub-keys for values, streams and blind look-ups come from the data key by HKDF-SHA256 (RFC 5869) with the
purpose as `info`. Random 96-bit nonces allow 2^32 values under one version of a key (NIST SP 800-38D, 8.3).
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, NoReturn, Protocol

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from security.errors import SealBroken

KEY_BYTES = 32
HEADER_BYTES = 5
BLOCK_BYTES = 64 * 1024

_VALUE_FORMAT = 1
_STREAM_FORMAT = 2
_NONCE_BYTES = 12
VALUE_HEAD_BYTES = HEADER_BYTES + _NONCE_BYTES
"""The head of a sealed value: no two have the same, and another body behind it does not open."""

_SALT_BYTES = 32
_TAG_BYTES = 16
_BLOCKS_MAX = 2**32 - 1

RandomBytes = Callable[[int], bytes]
"""Gives n unpredictable bytes. The one seam through which randomness enters; tests put fixed bytes here."""


class Readable(Protocol):
    """What a stream is sealed from."""

    def read(self, size: int, /) -> bytes:
        """Give at most `size` bytes, fewer where that is convenient, none at the end."""


@dataclass(frozen=True, slots=True)
class Context:
    """Where a sealed value lives. A value opened under another context does not open."""

    table: str
    row: str
    column: str


class DataKey:
    """A key that seals what belongs to one owner (a collection, a person, the system, the audit log).

    `version` is the version new values are sealed under; older versions held in `secrets_by_version` still open
    what they sealed. `blind_key` makes the blind look-ups where the version that made them first is gone. `renew`
    gives the versions of now: a value that was sealed anew since this key was opened opens too. Never shows its
    bytes, cannot be pickled. Safe to use from several threads.
    """

    __slots__ = ("_blind_key", "_ciphers", "_random", "_renew", "_secrets", "owner", "version")

    def __init__(
        self,
        owner: str,
        secrets_by_version: Mapping[int, bytes],
        random: RandomBytes = secrets.token_bytes,
        *,
        blind_key: bytes | None = None,
        renew: Callable[[], Mapping[int, bytes]] = dict,
    ) -> None:
        if not secrets_by_version or any(len(secret) != KEY_BYTES for secret in secrets_by_version.values()):
            raise ValueError(f"key of {owner}: expected one or more secrets of {KEY_BYTES} bytes")
        self.owner = owner
        self.version = max(secrets_by_version)
        self._secrets = dict(secrets_by_version)
        self._random = random
        self._ciphers: dict[int, AESGCM] = {}
        self._blind_key = blind_key or self._sub_key("blind", min(self._secrets))
        self._renew = renew

    def __repr__(self) -> str:
        return f"DataKey(owner={self.owner!r}, version={self.version})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a data key does not leave the process")

    def seal(self, plaintext: bytes, context: Context) -> bytes:
        """Give the sealed bytes of `plaintext`, 33 bytes longer. An empty value is fine."""
        nonce = self._random(_NONCE_BYTES)
        body = self._value_cipher(self.version).encrypt(nonce, plaintext, self._value_data(self.version, context))
        return _header(_VALUE_FORMAT, self.version) + nonce + body

    def open(self, sealed: bytes, context: Context) -> bytes:
        """Give what was sealed under this context. Raises SealBroken for anything else."""
        version = self._check_header(sealed[:HEADER_BYTES], _VALUE_FORMAT, context)
        nonce, body = sealed[HEADER_BYTES : HEADER_BYTES + _NONCE_BYTES], sealed[HEADER_BYTES + _NONCE_BYTES :]
        if len(body) < _TAG_BYTES:
            raise SealBroken(f"{_place(context)}: {len(sealed)} bytes is too short for a sealed value; restore it")
        try:
            return self._value_cipher(version).decrypt(nonce, body, self._value_data(version, context))
        except InvalidTag as error:
            raise _broken(context) from error

    def seal_stream(self, source: Readable, target: BinaryIO, context: Context) -> None:
        """Seal everything `source` still holds into `target`, block by block. An empty source is fine."""
        for part in self.sealed_stream(source, context):
            target.write(part)

    def sealed_stream(self, source: Readable, context: Context) -> Iterator[bytes]:
        """Yield the sealed stream of everything `source` still holds: its header, then block by block."""
        salt = self._random(_SALT_BYTES)
        cipher = AESGCM(self._stream_key(self.version, salt, context))
        yield _header(_STREAM_FORMAT, self.version) + salt
        for index, block, is_last in _blocks(source, BLOCK_BYTES):
            yield cipher.encrypt(_block_nonce(index, is_last), block, None)

    def open_stream(self, source: BinaryIO, context: Context) -> Iterator[bytes]:
        """Yield the plaintext of a sealed stream in blocks of up to 64 KiB.

        Each block is authentic when it is yielded; that the stream is complete is known only when the iterator
        ends without SealBroken, so a consumer that must not act on a part keeps the blocks until then.
        """
        head = _read_exactly(source, HEADER_BYTES + _SALT_BYTES)
        version = self._check_header(head[:HEADER_BYTES], _STREAM_FORMAT, context)
        if len(head) != HEADER_BYTES + _SALT_BYTES:
            raise SealBroken(f"{_place(context)}: the sealed stream is cut in its header; restore it")
        cipher = AESGCM(self._stream_key(version, head[HEADER_BYTES:], context))
        for index, block, is_last in _blocks(source, BLOCK_BYTES + _TAG_BYTES):
            try:
                yield cipher.decrypt(_block_nonce(index, is_last), block, None)
            except InvalidTag as error:
                raise _broken(context) from error

    def blind(self, label: str, value: bytes) -> bytes:
        """Give 32 bytes that are equal for equal values and tell nothing else without the key (HMAC-SHA256).

        `label` separates purposes. The first version of the key makes them, for good: look-ups survive a rotation.
        """
        return hmac.digest(self._blind_key, frame(label.encode(), value), hashlib.sha256)

    def is_current(self, header: bytes) -> bool:
        """Tell from the first five bytes of a sealed value or stream whether it is sealed under the newest version."""
        return int.from_bytes(header[1:HEADER_BYTES], "big") == self.version

    def sign(self, message: bytes) -> bytes:
        """Give the 64 bytes of an Ed25519 signature (RFC 8032) by a key derived from the first version."""
        return self._signing_key().sign(message)

    @property
    def signing_public_key(self) -> bytes:
        """The 32 bytes with which others check what `sign` gives."""
        return self._signing_key().public_key().public_bytes_raw()

    def _signing_key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._sub_key("sign", min(self._secrets)))

    @property
    def blind_key(self) -> bytes:
        """The 32 bytes that make blind look-ups: for the keyring alone, which keeps them when it retires a version."""
        return self._blind_key

    def _value_cipher(self, version: int) -> AESGCM:
        """Kept, because deriving its key takes longer than most values."""
        cipher = self._ciphers.get(version)
        if cipher is None:
            cipher = self._ciphers[version] = AESGCM(self._sub_key("value", version))
        return cipher

    def _sub_key(self, purpose: str, version: int) -> bytes:
        return derive_key(self._secrets[version], b"", frame(b"huisclos sub-key", purpose.encode()))

    def _stream_key(self, version: int, salt: bytes, context: Context) -> bytes:
        info = self._associated(b"huisclos stream", _STREAM_FORMAT, version, context)
        return derive_key(self._sub_key("stream", version), salt, info)

    def _value_data(self, version: int, context: Context) -> bytes:
        return self._associated(b"huisclos value", _VALUE_FORMAT, version, context)

    def _associated(self, what: bytes, form: int, version: int, context: Context) -> bytes:
        place = (context.table.encode(), context.row.encode(), context.column.encode())
        return frame(what, bytes([form]), self.owner.encode(), version.to_bytes(4, "big"), *place)

    def _check_header(self, header: bytes, form: int, context: Context) -> int:
        if len(header) < HEADER_BYTES or header[0] != form:
            raise SealBroken(f"{_place(context)}: format {header[:1].hex() or 'none'}, expected {form:02x}; restore it")
        version = int.from_bytes(header[1:], "big")
        if version not in self._secrets:
            self._secrets = {**self._secrets, **self._renew()}
        if version not in self._secrets:
            raise SealBroken(f"{_place(context)}: sealed under key version {version}, which {self.owner} does not hold")
        return version


def frame(*parts: bytes) -> bytes:
    """Join parts so that the boundaries are part of the bytes: each is preceded by its length, 4 bytes big endian."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def verify_signature(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Tell whether the holder of the key signed exactly this message."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def derive_key(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """Derive 32 bytes from `secret` by HKDF-SHA256 (RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt or None, info=info).derive(secret)


def _header(form: int, version: int) -> bytes:
    return bytes([form]) + version.to_bytes(4, "big")


def _block_nonce(index: int, is_last: bool) -> bytes:
    return bytes(7) + index.to_bytes(4, "big") + bytes([is_last])


def _blocks(source: Readable, size: int) -> Iterator[tuple[int, bytes, bool]]:
    """Yield (index, block, is_last); reads one block ahead to know the last. An empty source is one empty block."""
    index, block = 0, _read_exactly(source, size)
    while following := _read_exactly(source, size):
        yield index, block, False
        index, block = index + 1, following
        if index > _BLOCKS_MAX:
            raise SealBroken(f"a stream of more than {_BLOCKS_MAX} blocks cannot be sealed; split it")
    yield index, block, True


def _read_exactly(source: Readable, size: int) -> bytes:
    """Read `size` bytes, fewer only at the end: a raw pipe or socket may give less than was asked."""
    parts: list[bytes] = []
    missing = size
    while missing and (part := source.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _place(context: Context) -> str:
    return f"{context.table} {context.row} {context.column}"


def _broken(context: Context) -> SealBroken:
    return SealBroken(
        f"{_place(context)}: does not open; it was changed, moved or sealed under another key. Restore it"
    )
