"""What an engine says of itself: numbers without content, for whoever watches the machine."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figures:
    """Now: who waits and is served, and what is remembered. Since it opened: steps, evictions, contexts opened anew.

    `followed` are requests that went on from what was remembered of their conversation, `failed_checks` the looks of
    its own, while nobody was served, at whether it still writes what it did. `is_on_gpu` where weights lie on one.
    """

    waiting: int
    running: int
    slots: int
    kept: int = 0
    kept_bytes: int = 0
    evictions: int = 0
    restarts: int = 0
    steps: int = 0
    step_seconds: float = 0.0
    followed: int = 0
    failed_checks: int = 0
    is_on_gpu: bool = False
