"""Who is answered next, and by which server: the engine's line, its slots those of the servers that answer."""

import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from models.errors import EngineFailed
from models.figures import Figures
from models.generation import Waiting
from models.scheduler import Job, Scheduler
from models.served.server import Server

CLOSED = "the engine is closed; ask again after the restart"


@dataclass(eq=False, slots=True)
class Place(Job):
    """A request in line, or with a server: `events` holds its places so far, its server, or why there is none."""

    events: "queue.SimpleQueue[Waiting | Server | Exception]" = field(default_factory=queue.SimpleQueue)
    server: Server | None = None


class Line:
    """All requests of the house. `slots` is taken for a server that does not say how many answers it writes at once."""

    def __init__(self, servers: Sequence[Server], queue_max: int, slots: int) -> None:
        self._servers, self._slots = servers, slots
        self._scheduler: Scheduler[Place] = Scheduler(slots=0, queue_max=queue_max)
        self._lock = threading.Lock()
        self._is_closed = False

    def enter(self, place: Place) -> None:
        """Take a server or wait for one. Raises EngineBusy where the line is full, EngineFailed where it is closed."""
        with self._lock:
            if self._is_closed:
                raise EngineFailed(CLOSED)
            self._scheduler.submit(place)
            self._advance()

    def move(self, place: Place, server: Server) -> None:
        """Take a request whose server failed to another, also where no slot is free: it has waited once."""
        with self._lock:
            self._release(place)
            self._seat(place, server)
            self._advance()

    def leave(self, place: Place, seconds: float | None = None) -> None:
        """Free what the request holds, in line or with a server; `seconds` it was served tell others what to expect."""
        with self._lock:
            if not self._scheduler.leave(place) and place in self._scheduler.running:
                self._release(place)
                self._scheduler.finish(place, seconds)
            self._advance()

    def refresh(self) -> None:
        """Look again, after a server came up or went down."""
        with self._lock:
            self._advance()

    def share(self, server: Server) -> float:
        """How much of a server is taken: 1 where it is full."""
        return server.running / self._slots_of(server)

    @property
    def figures(self) -> Figures:
        """Who waits and who is being answered."""
        with self._lock:
            scheduler = self._scheduler
            return Figures(len(scheduler.waiting), len(scheduler.running), scheduler.slots)

    def close(self) -> None:
        """End all: who waits is told, who is being answered is cancelled."""
        with self._lock:
            self._is_closed = True
            for place in self._scheduler.running:
                place.cancelled.set()
            self._turn_away(EngineFailed("the engine stopped; ask again after the restart"))

    def _advance(self) -> None:
        """Give free slots to the first in line, and tell the others where they stand."""
        self._scheduler.resize(sum(self._slots_of(server) for server in self._servers if server.facts))
        if not self._scheduler.slots:
            self._turn_away(unanswered(self._servers))
        for place in self._scheduler.admit():
            self._seat(place, min((server for server in self._servers if server.facts), key=self.share))
        for number, place in enumerate(self._scheduler.waiting, 1):
            if place.place != number:
                place.place = number
                place.events.put(Waiting(number, self._scheduler.seconds_until(number)))

    def _slots_of(self, server: Server) -> int:
        return (server.facts and server.facts.slots) or self._slots

    def _seat(self, place: Place, server: Server) -> None:
        server.running += 1
        place.server = server
        place.events.put(server)

    def _release(self, place: Place) -> None:
        if place.server:
            place.server.running -= 1
        place.server = None

    def _turn_away(self, error: Exception) -> None:
        for place in self._scheduler.waiting:
            self._scheduler.leave(place)
            place.events.put(error)


def unanswered(servers: Sequence[Server]) -> EngineFailed:
    """What to say when no server answers."""
    told = "; ".join(server.told for server in servers)
    return EngineFailed(f"no server of models.servers answers ({told}); ask again once one does")
