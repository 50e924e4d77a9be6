"""A topic over the brokers that hold its parts, each reached where the first one says, if IT listed that too."""

import re
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from rag.errors import SourceRefused, SourceUnavailable
from rag.sources.addresses import Address, require_listed, require_sealed
from rag.sources.batches import Batch, OldFormat, committed, read_batches
from rag.sources.brokers import Broker, Layout, Node
from rag.sources.line import in_our_words
from rag.sources.patience import Patience
from rag.sources.record import Credentials
from security.egress import AllowedEntry, is_here

PARTS_MAX = 1000
PIECES_MAX = 10_000
"""Taken of one answer; what is behind them is asked for again."""

UNANSWERED_MAX = 10
"""Answers in a row without a message, where the broker said that there are some."""

_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")
_PORTS = range(1, 2**16)
_DEAF = "the server gives no messages though it says that it has some; look at its log"


@dataclass(frozen=True, slots=True)
class Access:
    """With what brokers are reached. `allowed` are the addresses that they may have."""

    allowed: tuple[AllowedEntry, ...]
    credentials: Credentials
    mechanism: str
    context: ssl.SSLContext | None


@dataclass(frozen=True, slots=True)
class Piece:
    """A batch, and whether what it holds counts: that of an aborted transaction does not."""

    batch: Batch
    counts: bool


class Cluster:
    """The brokers of one topic, one connection each, not for several threads at once.

    What goes wrong is raised as SourceUnavailable, in words of ours, and closes the connections.
    """

    def __init__(self, address: Address, topic: str, access: Access, patience: Patience) -> None:
        self._address, self._topic, self._access, self._patience = address, topic, access, patience
        self._brokers: dict[tuple[str, int], Broker] = {}
        self._layout = Layout({}, {})

    def parts(self) -> list[int]:
        """The numbers of the parts of the topic, as it lies now."""
        with in_our_words(self.close, _told):
            self._layout = self._broker(self._address).layout(self._topic)
        if len(self._layout.leaders) > PARTS_MAX:
            raise SourceUnavailable(f"the topic has over {PARTS_MAX} partitions; divide it")
        return sorted(self._layout.leaders)

    def whole(self, part: int) -> Iterator[tuple[list[Piece], int]]:
        """A part from its first message to the last that is committed now, and how many bytes each answer took."""
        with in_our_words(self.close, _told):
            at, end = self._leader(part).bounds(self._topic, part)
        unanswered = 0
        while at < end:
            pieces, size = self.fetch(part, at)
            unanswered = 0 if pieces else unanswered + 1
            if unanswered > UNANSWERED_MAX:
                raise SourceUnavailable(_DEAF)
            yield pieces, size
            at = max((piece.batch.last + 1 for piece in pieces), default=at)

    def fetch(self, part: int, offset: int) -> tuple[list[Piece], int]:
        """Some batches of a part from the one that holds the offset on, and how many bytes the answer took."""
        with in_our_words(self.close, _told):
            answer = self._leader(part).fetch(self._topic, part, offset)
            found = committed(read_batches(answer.data), answer.aborted)
            pieces = (Piece(batch, counts) for batch, counts in found if batch.last >= offset)
            return list(islice(pieces, PIECES_MAX)), answer.size

    def close(self) -> None:
        """Hang up, without waiting for an answer."""
        for broker in self._brokers.values():
            with suppress(OSError):
                broker.close()
        self._brokers.clear()

    def _leader(self, part: int) -> Broker:
        node = self._layout.nodes.get(self._layout.leaders.get(part, -1))
        if node is None:
            raise SourceUnavailable("a part of the topic has no leader now; look at the cluster, and sync again")
        return self._broker(self._advertised(node))

    def _advertised(self, node: Node) -> Address:
        """Where a broker is, by its own word. Raises SourceRefused for what IT did not list."""
        if not _HOST.fullmatch(node.host) or node.port not in _PORTS:
            raise SourceRefused("a broker of the cluster names an address that is none; look at advertised.listeners")
        address = Address(self._address.scheme, node.host, node.port, "")
        if is_here(node.host) and not is_here(self._address.host):
            raise SourceRefused(
                f"the server says that its messages are at {node.host}:{node.port}, on this machine, where it is not; "
                "set its advertised.listeners to an address that others reach"
            )
        require_listed(address, self._access.allowed)
        require_sealed(address, "kafkas")
        return address

    def _broker(self, address: Address) -> Broker:
        known = self._brokers.get((address.host, address.port))
        if known is None:
            access = self._access
            known = Broker(address, access.credentials, access.mechanism, access.context, self._patience)
            self._brokers[address.host, address.port] = known
        return known


def _told(error: Exception) -> str:
    """What went wrong with the protocol; empty for what did not."""
    match error:
        case OldFormat():
            return "the topic has messages of before Kafka 0.11, which are not read"
        case OSError() | ValueError() | EOFError():
            return (
                f"the server broke off, or does not speak Kafka ({type(error).__name__}); look at its log, and "
                "whether it wants TLS, a name and a password, or another --mechanism"
            )
    return ""
