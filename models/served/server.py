"""One server of the house: where it is, what it said of itself, whether it answers."""

import ssl
import threading

from models.served.address import ServerAddress
from models.served.dialect import Facts, learn
from models.served.patience import Patience
from models.served.trouble import Ended, Trouble
from models.served.wire import Wire

LOOK_SECONDS_MAX = 3.0
"""For a look at one server, all its exchanges together."""
_READY_PATH = "/health"


class Server:
    """`facts` is None while it does not answer, and `trouble` says why. `running` is counted by the line."""

    def __init__(self, address: ServerAddress, key: str, tls: ssl.SSLContext | None, wanted_model: str) -> None:
        self.address = address
        self.wire = Wire(address, key, tls if address.has_tls else None)
        self.facts: Facts | None = None
        self.trouble = "it was not asked yet"
        self.running = 0
        self._wanted_model = wanted_model

    def look(self, ended: threading.Event) -> None:
        """Ask it what it is, and remember that, or what was the matter. Raises nothing but Ended."""
        patience = Patience(ended)
        patience.begin("its answer", LOOK_SECONDS_MAX)
        try:
            self._see_that_it_is_ready(patience)
            facts = learn(self.wire, patience, self._wanted_model)
        except Ended:
            raise
        except Trouble as error:
            self.mark_down(str(error))
        except Exception as error:  # noqa: BLE001 - the guard's refusal is of another package, and ends no thread
            self.mark_down(f"it was not asked ({type(error).__name__}); see egress.allowed")
        else:
            self.facts, self.trouble = facts, ""

    def mark_down(self, trouble: str) -> None:
        """Nothing is sent there until a look finds it well."""
        self.facts, self.trouble = None, trouble

    @property
    def told(self) -> str:
        """Address and trouble, for a sentence."""
        return f"{self.address.shown}: {self.trouble}"

    def _see_that_it_is_ready(self, patience: Patience) -> None:
        """llama-server lists its model while it still loads it; a server without that page is asked the rest alone."""
        with self.wire.parts(_READY_PATH, patience, missing_is_fine=True) as parts:
            for _ in parts:
                pass
