"""Text of documents and models as Markdown that shows exactly that text, whatever it spells."""

_MARKS = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]()<>#+-.!|~$:@&\"'="})
_JOINER = "\u2060"
_PIECE_MARKS = _MARKS | {ord(":"): f"\\:{_JOINER}", ord("."): f"{_JOINER}\\.", ord("@"): f"{_JOINER}\\@"}


def escape(text: str) -> str:
    """One line on which nothing is a mark, a link, an image or a tag.

    Addresses are turned into links after escapes are undone, so a word joiner breaks them.
    """
    line = " ".join(text.split())
    for start in ("http", "www.", "mailto", "xmpp"):
        line = _broken(line, start)
    return line.replace("@", f"{_JOINER}@").translate(_MARKS)


def escape_piece(text: str) -> str:
    """A piece of a text that is still being written: its spaces stay, its marks are only letters.

    An address may be cut anywhere between two pieces, so it is broken at the single letters that make it one.
    """
    return text.translate(_PIECE_MARKS)


def _broken(line: str, start: str) -> str:
    """The line with a joiner inside every occurrence of `start`, in whatever case."""
    place = line.lower().find(start)
    while place >= 0:
        line = f"{line[: place + 1]}{_JOINER}{line[place + 1 :]}"
        place = line.lower().find(start, place + len(start))
    return line
