"""Why one server did not answer; what each means for the request is decided in models/served/generator.py.

Trouble               this server cannot serve now: another may
├── Busy              it has no room now, or is loading its weights
├── Refused           it understood and will not: asking another would not help
└── TooLong           it counts more tokens than its context holds
Ended                 nobody waits for an answer any more
├── Cancelled
└── DeadlineReached

Messages name what came and what to do, never what was sent: a server's own words may quote it.
"""


class Trouble(Exception):
    """This server cannot serve now."""


class Busy(Trouble):
    """It says that it has no room now."""


class Refused(Trouble):
    """It understood the request and will not do it."""


class TooLong(Refused):
    """It counts more tokens than its context holds."""


class Ended(Exception):
    """Nobody waits for an answer any more."""


class Cancelled(Ended):
    """The request was cancelled."""


class DeadlineReached(Ended):
    """The request's own time is over."""
