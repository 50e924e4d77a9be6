"""Server-sent events as JSON objects, one line at a time, within bounds."""

from collections.abc import Iterable, Iterator
from typing import Any

from models.served.trouble import Trouble
from models.served.wire import parsed

LINE_BYTES_MAX = 256 * 1024
"""Of one event: a token with its 20 likeliest others takes 2 KB."""
_END = b"[DONE]"


def events(parts: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The objects up to [DONE]. Raises Trouble for an endless line, what is no JSON, an error, an end before [DONE]."""
    for line in _lines(parts):
        if line.startswith(b"error:"):
            raise Trouble("it stopped with an error; look at its log")
        if not line.startswith(b"data:"):
            continue  # a comment that keeps the connection, a field that nobody asked for, the end of an event
        data = line.removeprefix(b"data:").strip()
        if data == _END:
            return
        event = parsed(data)
        if event.get("error"):
            raise Trouble("it stopped with an error; look at its log")
        yield event
    raise Trouble("it broke off in the middle of the answer; look at its log")


def _lines(parts: Iterable[bytes]) -> Iterator[bytes]:
    begun = b""
    for part in parts:
        *whole, begun = (begun + part).split(b"\n")
        yield from (line.rstrip(b"\r") for line in whole)
        if len(begun) > LINE_BYTES_MAX:
            raise Trouble("it sends a line without end; see what runs there")
    yield begun
