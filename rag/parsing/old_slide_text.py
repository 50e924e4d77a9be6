"""Texts of a PPT file: their kind, their words, and which of their paragraphs have a bullet. [MS-PPT] 2.9."""

from collections.abc import Sequence
from dataclasses import dataclass

from rag.documents import Block, BlockKind
from rag.parsing.records import Record, numbers

_HEADER, _CHARACTERS, _BYTES, _STYLES = 0x0F9F, 0x0FA0, 0x0FA8, 0x0FA1
_TITLES, _BODIES = frozenset({0, 6}), frozenset({1, 7, 8})
_HAS_BULLET, _BULLET_FLAGS, _TABS = 0x1, 0xF, 1 << 20
_FIELDS = ((7, 2), (4, 2), (6, 2), (5, 4), (11, 2), (12, 2), (13, 2), (14, 2), (8, 2), (10, 2), (15, 2))
"""Bit of the mask and size of each property of a paragraph, before its tabulators. [MS-PPT] 2.9.20."""
_FIELDS_AFTER = ((16, 2), (21, 2))
_WRAPS = 0b111 << 17


@dataclass(frozen=True, slots=True)
class SlideText:
    """A text and what it is to its slide."""

    kind: int
    text: str
    bullets: tuple[bool, ...] = ()

    @property
    def blocks(self) -> tuple[Block, ...]:
        """A block a paragraph. Where nothing is said, paragraphs of a slide's body have bullets, as its master has."""
        made = []
        for number, line in enumerate(self.text.split("\r")):
            words = " ".join(line.replace("\x0b", " ").split())
            is_item = self.bullets[number] if number < len(self.bullets) else self.kind in _BODIES
            if words:
                made.append(Block(BlockKind.LIST_ITEM if is_item else BlockKind.PARAGRAPH, words))
        return tuple(made)


def is_title(text: SlideText) -> bool:
    """Whether a text is the title of its slide."""
    return text.kind in _TITLES


def read_texts(records: Sequence[Record]) -> list[SlideText]:
    """The texts among records: each is a header, its characters and its styles."""
    found: list[SlideText] = []
    for record in records:
        if record.kind == _HEADER:
            found.append(SlideText(numbers("I", record.data, record.start)[0], ""))
        elif found and record.kind in {_CHARACTERS, _BYTES}:
            raw = record.data[record.start : record.end]
            text = raw.decode("utf-16-le" if record.kind == _CHARACTERS else "latin-1", "replace")
            found[-1] = SlideText(found[-1].kind, text)
        elif found and record.kind == _STYLES:
            last = found[-1]
            found[-1] = SlideText(last.kind, last.text, _bullets(record, last))
    return found


def _bullets(styles: Record, text: SlideText) -> tuple[bool, ...]:
    """Which paragraphs have a bullet, as far as the styles tell."""
    ends = [place for place, letter in enumerate(text.text + "\r") if letter == "\r"]
    bullets: list[bool] = []
    place, reached = styles.start, 0
    while len(bullets) < len(ends) and place + 10 <= styles.end:
        count, _, mask = numbers("IHI", styles.data, place)
        place += 10
        is_item = text.kind in _BODIES
        if mask & _HAS_BULLET:
            is_item = bool(numbers("H", styles.data, place)[0] & _HAS_BULLET)
        place += _size(styles.data, place, mask)
        reached += count
        bullets += [is_item] * sum(end < reached for end in ends[len(bullets) :])
        if not count:
            break
    return tuple(bullets)


def _size(data: bytes, place: int, mask: int) -> int:
    """How many bytes the properties of a mask take."""
    size = 2 if mask & _BULLET_FLAGS else 0
    size += sum(width for bit, width in _FIELDS if mask >> bit & 1)
    if mask & _TABS:
        size += 2 + 4 * numbers("H", data, place + size)[0]
    size += sum(width for bit, width in _FIELDS_AFTER if mask >> bit & 1)
    return size + (2 if mask & _WRAPS else 0)
