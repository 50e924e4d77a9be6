"""What an engine says of itself: numbers without content, for whoever watches the machine."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figures:
    """Now: who waits and is served, and what is remembered. Since it opened: steps, evictions, contexts opened anew,
    checks of its own that failed."""

    waiting: int
    running: int
    slots: int
    kept: int = 0
    kept_bytes: int = 0
    evictions: int = 0
    restarts: int = 0
    steps: int = 0
    step_seconds: float = 0.0
    failed_checks: int = 0
