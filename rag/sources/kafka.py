"""A Kafka topic, each key a file: its newest message is the content, one without content deletes it.

The topic is read whole at each sync, up to what is committed at that moment, by no consumer group; nothing is written
to the cluster. A message's version is a digest of its content, so that a topic that is made anew, gets more partitions
or repeats itself changes nothing. What retention took away is gone, as from any place.
"""

import hashlib
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rag.errors import DocumentRejected, FileUnavailable, SourceRefused, SourceUnavailable
from rag.folders import ELSEWHERE, FileContent, FoundFile, Survey, shown_name
from rag.sources.addresses import Address, parse_address, require_listed, require_sealed
from rag.sources.batches import Message
from rag.sources.brokers import ANSWER_BYTES_MAX, MECHANISMS
from rag.sources.cluster import Cluster, Piece
from rag.sources.patience import LISTING_SECONDS_MAX, OutOfPatience, Patience
from rag.sources.record import Credentials
from rag.sources.unpacking import TooLarge
from security.egress import AllowedEntry

KEYS_MAX = 200_000
"""Deleted ones too, until the broker has forgotten them."""

KEY_BYTES_MAX = 1024
PROBLEMS_MAX = 100
LISTING_BYTES_MAX = 16 * 1024 * 1024 * 1024
"""Of one sync, as they come; at 27 MB/s its time is over too."""

BATCH_BYTES_MAX = ANSWER_BYTES_MAX
"""Of one batch, unpacked."""

AHEAD_BYTES_MAX = 32 * 1024 * 1024
"""Of the messages behind one that is read, which are kept because they are read next."""

MESSAGE_BYTES = 200
"""That one takes in memory besides its content."""

LOOK_MESSAGES = 1000
"""Between two looks at the clock while messages are gone through."""

_MB = 1024 * 1024
_PORTS = {"kafkas": 9093, "kafka": 9092}
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_EVERYWHERE = "/"


def address_of(text: str, allowed: Iterable[AllowedEntry]) -> Address:
    """The address of a topic, listed and sealed on the way. Raises SourceRefused."""
    address = parse_address(text, _PORTS)
    require_listed(address, allowed)
    require_sealed(address, "kafkas")
    name = topic_of(address)
    if not _TOPIC.fullmatch(name) or name in {".", ".."}:
        raise SourceRefused("a topic is named kafkas://HOST:PORT/TOPIC, by letters, digits, ., _ and -")
    return address


def topic_of(address: Address) -> str:
    """The name of the topic."""
    return address.path.removeprefix("/").removesuffix("/")


def check_sign_in(credentials: Credentials, mechanism: str) -> None:
    """Raise SourceRefused for half of what signs in, and for an unknown way of it."""
    if bool(credentials.user) != bool(credentials.secret):
        raise SourceRefused(
            "a broker wants a name and a password, or neither: --user, and --secret-file or --secret-stdin"
        )
    if mechanism and (mechanism not in MECHANISMS or not credentials.user):
        raise SourceRefused(f"a mechanism is one of {', '.join(MECHANISMS)}, and goes with --user")


@dataclass(frozen=True, slots=True)
class _Entry:
    """The newest message of a key. One without a version deletes it."""

    part: int
    offset: int
    at_ms: int
    size: int
    version: str


@dataclass
class _Findings:
    """What a reading of the topic came to, by key. `nameless` counts messages that are no files."""

    newest: dict[bytes, _Entry] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    nameless: int = 0


class Topic:
    """The messages of one topic. One request at a time."""

    def __init__(self, name: str, cluster: Cluster, patience: Patience) -> None:
        self._name, self._cluster, self._patience = name, cluster, patience
        self._talking = threading.Lock()
        self._entries: dict[str, _Entry] = {}
        self._ahead: dict[tuple[int, int], bytes] = {}

    def survey(self) -> Survey:
        """Every key that has a content, in the order of the topic. Raises SourceUnavailable."""
        with self._talking, self._patience.within(LISTING_SECONDS_MAX):
            found = self._read()
        kept = {_place(key): entry for key, entry in found.newest.items() if entry.version}
        self._entries = {place: entry for place, entry in kept.items() if not _is_hidden(place)}
        files = [_found(place, entry) for place, entry in sorted(self._entries.items(), key=_in_order)]
        files += [FoundFile(ELSEWHERE, place, place, problem) for place, problem in found.problems.items()]
        if found.nameless:
            sentence = f"{found.nameless} messages were left out: the key of a file has 1 to {KEY_BYTES_MAX} bytes"
            files.append(FoundFile(ELSEWHERE, _EVERYWHERE, _EVERYWHERE, sentence))
        return Survey(self._name, tuple(files), is_complete=not found.problems)

    def read(self, file: FoundFile, bytes_max: int) -> FileContent:
        """The content of one message."""
        if file.size > bytes_max:
            raise DocumentRejected(
                f"the message has {file.size // _MB} MB; the limit is {bytes_max // _MB} MB: split what it holds"
            )
        entry = self._entries[file.place]
        with self._talking, self._patience.fetching():
            try:
                data = self._fetched(entry)
            except SourceUnavailable as error:
                raise FileUnavailable(f"not fetched: {error}") from error
        if data is None or _digest(data) != entry.version:
            raise FileUnavailable("the message was replaced or removed meanwhile; the next sync tells")
        return FileContent(data, _time(entry.at_ms))

    def close(self) -> None:
        """Hang up, without waiting for an answer."""
        self._cluster.close()

    def _read(self) -> _Findings:
        """The whole topic. Within a part the later message of a key counts, between parts the one of a later time."""
        found, size = _Findings(), 0
        for part in self._cluster.parts():
            own: dict[bytes, _Entry] = {}
            for pieces, length in self._cluster.whole(part):
                size += length
                if size > LISTING_BYTES_MAX:
                    raise SourceUnavailable(
                        f"the topic has over {LISTING_BYTES_MAX // _MB} MB; divide it, or compact it"
                    )
                for piece in pieces:
                    self._go_through(part, piece, own, found)
            for key, entry in own.items():
                known = found.newest.get(key)
                if known is None or (entry.at_ms, entry.part) > (known.at_ms, known.part):
                    found.newest[key] = entry
        return found

    def _go_through(self, part: int, piece: Piece, own: dict[bytes, _Entry], found: _Findings) -> None:
        if not piece.counts:
            return
        self._look()
        try:
            for number, message in enumerate(piece.batch.messages(BATCH_BYTES_MAX)):
                if number % LOOK_MESSAGES == 0:
                    self._look()
                if message.key and len(message.key) <= KEY_BYTES_MAX:
                    own[message.key] = _entry(part, message)
                else:
                    found.nameless += 1
                if len(own) + len(found.newest) > KEYS_MAX:
                    raise SourceUnavailable(f"the topic has over {KEYS_MAX} keys; divide it")
        except TooLarge:
            self._leave_out(part, piece, found, f"unpacks to over {BATCH_BYTES_MAX // _MB} MB")
        except ValueError:
            self._leave_out(part, piece, found, "is not of the form that Kafka has")

    def _leave_out(self, part: int, piece: Piece, found: _Findings, problem: str) -> None:
        where = f"partition {part}, offset {piece.batch.first}"
        if len(found.problems) < PROBLEMS_MAX:
            found.problems[where] = f"a batch of messages {problem}, and was left out. Nothing was forgotten"

    def _look(self) -> None:
        """Raise SourceUnavailable where the time of the sync is over."""
        try:
            self._patience.wait(self._patience.now())
        except OutOfPatience as error:
            raise SourceUnavailable(str(error)) from error

    def _fetched(self, entry: _Entry) -> bytes | None:
        """The content of a message, None where it is there no more. Those behind it are kept for the next calls."""
        where = (entry.part, entry.offset)
        if where not in self._ahead:
            self._ahead, size = {}, 0
            pieces, _ = self._cluster.fetch(*where)
            for message in self._messages(pieces, entry.offset):
                size += len(message.value or b"") + MESSAGE_BYTES
                if message.offset > entry.offset and size > AHEAD_BYTES_MAX:
                    break
                if message.value is not None:
                    self._ahead[entry.part, message.offset] = bytes(message.value)
        return self._ahead.pop(where, None)

    def _messages(self, pieces: Iterable[Piece], offset: int) -> Iterator[Message]:
        """Those of committed batches from an offset on, as far as they can be read."""
        with suppress(ValueError):
            for piece in pieces:
                self._look()
                if piece.counts:
                    yield from (each for each in piece.batch.messages(BATCH_BYTES_MAX) if each.offset >= offset)


def _entry(part: int, message: Message) -> _Entry:
    size, version = (len(message.value), _digest(message.value)) if message.value is not None else (0, "")
    return _Entry(part, message.offset, message.at_ms, size, version)


def _digest(content: bytes | memoryview) -> str:
    return hashlib.sha256(content).hexdigest()


def _in_order(item: tuple[str, _Entry]) -> tuple[int, int]:
    """Neighbours of the topic come after one another, so that one answer brings many."""
    return item[1].part, item[1].offset


def _place(key: bytes) -> str:
    return key.decode("utf-8", "surrogateescape")


def _is_hidden(place: str) -> bool:
    return any(part.startswith(".") and part not in (".", "..") for part in place.split("/"))


def _found(place: str, entry: _Entry) -> FoundFile:
    problem = None
    if "\0" in place or {"", ".", ".."} & set(place.split("/")):
        problem = "a part of its key is empty, . or .., as in no file's path; write it under another key"
    elif any("\udc80" <= each <= "\udcff" for each in place):
        problem = "its key is no text in UTF-8; write it under another key"
    return FoundFile(ELSEWHERE, place, shown_name(place), problem, version=entry.version, size=entry.size)


def _time(at_ms: int) -> datetime | None:
    with suppress(ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(at_ms / 1000, UTC) if at_ms > 0 else None
    return None
