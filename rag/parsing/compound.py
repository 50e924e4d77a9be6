"""What an old Office file says of itself: its title and when it was saved. The one door to olefile.

Olefile's own reading of properties goes on for minutes where a count is wrong; three properties are read here.
"""

import io
import struct
from datetime import UTC, datetime, timedelta

import olefile

_WRONG = (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RuntimeError, struct.error)
"""What olefile raises on parts that do not fit together."""
_STREAM = "\x05SummaryInformation"
_CODE_PAGE, _TITLE, _SAVED = 1, 2, 13
_TEXT, _WIDE_TEXT, _MOMENT = 30, 31, 64
"""Properties and types of values. [MS-OLEPS] 2.15, 2.25.1."""
_PROPERTIES_MAX = 200
_ENCODINGS = {65001: "utf-8", 1200: "utf-16-le"}
"""Of code pages that have another name in Python."""
_LATIN = 1252
_BEGIN, _FIRST_YEAR = datetime(1601, 1, 1, tzinfo=UTC), 1980
"""The beginning of Windows' calendar, which stands in files that were never saved again, and of the formats."""


def about(data: bytes) -> tuple[str, datetime | None]:
    """Title and date of the last change, where the file says them. A file that is broken here says nothing."""
    try:
        (summary,) = streams(data, _STREAM)
        places = _places(summary)
        page = _read("H", summary, places[_CODE_PAGE] + 4) if _CODE_PAGE in places else _LATIN
        title = _text(summary, places[_TITLE], page) if _TITLE in places else ""
        return title, _moment(summary, places[_SAVED]) if _SAVED in places else None
    except _WRONG:
        return "", None


def streams(data: bytes, *names: str) -> tuple[bytes, ...]:
    """The bytes of streams, none for one that is not there. Raises OSError where the file is broken."""
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as file:
            return tuple(file.openstream(name).read() if file.exists(name) else b"" for name in names)
    except _WRONG as error:
        raise OSError("a broken compound file") from error


def present(data: bytes, *names: str) -> tuple[bool, ...]:
    """Whether streams stand at the root, in whatever case. Raises OSError where the file is broken."""
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as file:
            return tuple(map(file.exists, names))
    except _WRONG as error:
        raise OSError("a broken compound file") from error


def _places(summary: bytes) -> dict[int, int]:
    """Where the value of each property stands in the first set. [MS-OLEPS] 2.21."""
    if len(summary) < 48:  # noqa: PLR2004 - the head of the stream
        return {}
    begin = _read("I", summary, 44)
    count = min(_read("I", summary, begin + 4), _PROPERTIES_MAX)
    pairs = (struct.unpack_from("<II", summary, begin + 8 + 8 * number) for number in range(count))
    return {name: begin + offset for name, offset in pairs}


def _read(kind: str, summary: bytes, place: int) -> int:
    (number,) = struct.unpack_from(f"<{kind}", summary, place)
    return int(number)


def _text(summary: bytes, place: int, page: int) -> str:
    """A text in the code page that the file names, or in UTF-16."""
    kind, length = _read("I", summary, place), _read("I", summary, place + 4)
    if kind == _WIDE_TEXT:
        page, length = 1200, length * 2
    raw = summary[place + 8 : place + 8 + length] if kind in {_TEXT, _WIDE_TEXT} else b""
    try:
        text = raw.decode(_ENCODINGS.get(page, f"cp{page}"), "replace")
    except LookupError:
        text = raw.decode("cp1252", "replace")
    return " ".join(text.partition("\0")[0].split())


def _moment(summary: bytes, place: int) -> datetime | None:
    if _read("I", summary, place) != _MOMENT:
        return None
    moment = _BEGIN + timedelta(microseconds=_read("Q", summary, place + 4) // 10)
    return moment.replace(microsecond=0) if moment.year > _FIRST_YEAR else None
