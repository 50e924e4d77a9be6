"""Text that comes in pieces, cut at the first stop string."""

from collections.abc import Sequence


class StopText:
    """Gives pieces on as soon as they cannot be the beginning of a stop string. Empty stop strings stop nothing."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.is_stopped = False

    def feed(self, piece: str) -> str:
        """What may be given on after this piece: all of it, less what a stop string begins or cuts off."""
        text = self._held + piece
        found = [place for stop in self._stops if (place := text.find(stop)) >= 0]
        if found:
            self.is_stopped, self._held = True, ""
            return text[: min(found)]
        end = len(text) - max((_begun(text, stop) for stop in self._stops), default=0)
        self._held = text[end:]
        return text[:end]

    def rest(self) -> str:
        """What was held back, at the end of the text."""
        held, self._held = self._held, ""
        return held


def _begun(text: str, stop: str) -> int:
    """How many characters at the end of `text` are the beginning of `stop`."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:size])), 0)
