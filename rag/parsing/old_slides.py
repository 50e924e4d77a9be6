"""PPT to blocks: the slides as a show goes through them, without those that it passes over. [MS-PPT], [MS-ODRAW]."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rag.documents import Block, BlockKind, ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing import compound
from rag.parsing.old_slide_text import SlideText, is_title, read_texts
from rag.parsing.records import Record, children, find, numbers
from rag.parsing.tables import table_rows

KIND = "old PowerPoint file"
DEPTH_MAX = 20
EDITS_MAX = 10_000
_STREAMS, _DUAL = ("PowerPoint Document", "Current User"), "PP97_DUALSTORAGE"
"""Where a file lies that was saved for PowerPoint 95 and 97: that of 95 stands at the root."""
_LOCKED = 0xF3D1C4DF
_USER_EDIT, _DIRECTORY, _DOCUMENT, _SLIDE_LIST, _SLIDE_PLACE = 0x0FF5, 0x1772, 0x03E8, 0x0FF0, 0x03F3
_SLIDE, _SHOW, _DRAWING, _PLACEHOLDER, _OUTLINE = 0x03EE, 0x03F9, 0x040C, 0x0BC3, 0x0F9E
_CANVAS, _GROUP, _SHAPE, _TEXT_BOX, _ABOUT, _ANCHOR = 0xF002, 0xF003, 0xF004, 0xF00D, 0xF011, 0xF00F
_OPTIONS = frozenset({0xF00B, 0xF121, 0xF122})
_TABLE_OPTIONS = frozenset({0x039F, 0x03A0})
_FLAGS, _IS_HIDDEN = 0x03BF, 0x00020002
"""Of a shape: the bit that hides it and the one that says the bit counts. [MS-ODRAW] 2.3.4.44."""
_RUNNING, _TITLES = frozenset({7, 8, 9, 10}), frozenset({13, 15, 17})
"""Places of the date, the number, the foot and the head of a slide, and of its title. [MS-PPT] 2.13.24."""
_SHOW_HIDDEN = 0x4


def parse(data: bytes) -> ParsedDocument:
    """Blocks by slide, each a page, its title first. Raises DocumentRejected on a broken or locked file."""
    try:
        dual, dual_user, document, user = compound.streams(data, *(f"{_DUAL}/{name}" for name in _STREAMS), *_STREAMS)
        blocks, slides = _read(dual or document, dual_user or user)
    except (struct.error, LookupError, OSError) as error:
        raise DocumentRejected(f"the {KIND} is broken, or older than PowerPoint 97; save it as .pptx") from error
    title, modified = compound.about(data)
    heading = next((block.text for block in blocks if block.kind is BlockKind.HEADING), "")
    return ParsedDocument(title or heading, slides or None, tuple(blocks), modified)


def _read(data: bytes, user: bytes) -> tuple[list[Block], int]:
    """Blocks, and how many slides there are."""
    token, edit = numbers("II", user, 12)
    if token == _LOCKED:
        raise DocumentRejected(f"the {KIND} is locked with a password; save it without one")
    places, document = _directory(data, edit)
    blocks: list[Block] = []
    number = 0
    for listed in children(_at(data, places[document], _DOCUMENT)):
        if listed.kind == _SLIDE_LIST and listed.instance == 0:
            for number, (place, texts) in enumerate(_listed(listed), 1):
                slide = _at(data, places[place], _SLIDE)
                if not _is_passed_over(slide):
                    blocks += (replace(block, page=number) for block in _blocks(slide, texts))
    return blocks, number


def _directory(data: bytes, edit: int) -> tuple[Mapping[int, int], int]:
    """Where each thing lies as of the last edit, and the number of the document. [MS-PPT] 2.1.2."""
    places: dict[int, int] = {}
    document = None
    for _ in range(EDITS_MAX):
        last = _at(data, edit, _USER_EDIT)
        before, directory, first = numbers("III", data, last.start + 8)
        document = first if document is None else document
        for number, place in _persisted(_at(data, directory, _DIRECTORY)):
            places.setdefault(number, place)
        if not 0 < before < edit:
            break
        edit = before
    return places, document or 0


def _persisted(directory: Record) -> Iterator[tuple[int, int]]:
    place = directory.start
    while place + 4 <= directory.end:
        (head,) = numbers("I", directory.data, place)
        first, count = head & 0xFFFFF, head >> 20
        yield from enumerate(numbers(f"{count}I", directory.data, place + 4), first)
        place += 4 + 4 * count


def _at(data: bytes, place: int, kind: int) -> Record:
    record = next(children(Record(data, place, len(data))), None)
    if record is None or record.kind != kind:
        raise LookupError(kind)
    return record


def _listed(slides: Record) -> Iterator[tuple[int, list[SlideText]]]:
    """The place and the outline of each slide in the order of the show."""
    found = list(children(slides))
    starts = [number for number, record in enumerate(found) if record.kind == _SLIDE_PLACE]
    for start, end in pairwise([*starts, len(found)]):
        (place,) = numbers("I", slides.data, found[start].start)
        yield place, read_texts(found[start + 1 : end])


def _is_passed_over(slide: Record) -> bool:
    show = find(slide, _SHOW)
    return show is not None and bool(numbers("H", slide.data, show.start + 10)[0] & _SHOW_HIDDEN)


@dataclass(frozen=True, slots=True)
class _Shape:
    """A shape with its words and its place in its group: left and top."""

    blocks: tuple[Block, ...]
    left: int = 0
    top: int = 0
    is_title: bool = False


def _blocks(slide: Record, outline: Sequence[SlideText]) -> Iterator[Block]:
    """The title of a slide as a heading, then what stands on it."""
    drawing = find(slide, _DRAWING)
    canvas = find(drawing, _CANVAS) if drawing else None
    shapes = list(_shapes(canvas, outline, 0)) if canvas else []
    titles = " ".join(block.text for shape in shapes if shape.is_title for block in shape.blocks)
    if titles:
        yield Block(BlockKind.HEADING, titles, level=2)
    for shape in shapes:
        if not shape.is_title:
            yield from shape.blocks


def _shapes(group: Record, outline: Sequence[SlideText], depth: int) -> Iterator[_Shape]:
    if depth > DEPTH_MAX:
        raise DocumentRejected(f"the {KIND} nests more than {DEPTH_MAX} groups; save it again")
    for record in children(group):
        if record.kind == _GROUP:
            shapes = list(_shapes(record, outline, depth + 1))
            head = find(record, _SHAPE)
            if head is not None and _TABLE_OPTIONS & _options(head).keys():
                yield _Shape(table_rows(_table(shapes)))
            else:
                yield from shapes
        elif record.kind == _SHAPE and not _is_unseen(record):
            yield _shape(record, outline)


def _place(shape: Record) -> int:
    """Which of the places of its slide's layout a shape takes; 0 for none."""
    about = find(shape, _ABOUT)
    place = find(about, _PLACEHOLDER) if about else None
    return numbers("B", shape.data, place.start + 4)[0] if place else 0


def _is_unseen(shape: Record) -> bool:
    """Hidden, or one of those that run through all slides."""
    return _place(shape) in _RUNNING or _options(shape).get(_FLAGS, 0) & _IS_HIDDEN == _IS_HIDDEN


def _shape(shape: Record, outline: Sequence[SlideText]) -> _Shape:
    box, anchor = find(shape, _TEXT_BOX), find(shape, _ANCHOR)
    left, top = numbers("ii", shape.data, anchor.start) if anchor else (0, 0)
    if box is None:
        return _Shape((), left, top)
    inside = list(children(box))
    texts = read_texts(inside)
    for record in inside:
        if record.kind == _OUTLINE:
            (number,) = numbers("I", record.data, record.start)
            texts += outline[number : number + 1]
    blocks = tuple(block for text in texts for block in text.blocks)
    return _Shape(blocks, left, top, _place(shape) in _TITLES or any(map(is_title, texts)))


def _options(shape: Record) -> Mapping[int, int]:
    """The properties of a shape by their number. [MS-ODRAW] 2.2.9."""
    found: dict[int, int] = {}
    for record in children(shape):
        if record.kind in _OPTIONS:
            for number in range(min(record.instance, (record.end - record.start) // 6)):
                name, value = numbers("HI", record.data, record.start + 6 * number)
                found[name & 0x3FFF] = value
    return found


def _table(cells: Sequence[_Shape]) -> list[list[str]]:
    """Cells by row and column, as they stand on the slide."""
    filled = [cell for cell in cells if cell.blocks]
    columns = sorted({cell.left for cell in filled})
    rows: dict[int, list[str]] = {}
    for cell in sorted(filled, key=lambda cell: cell.top):
        row = rows.setdefault(cell.top, [""] * len(columns))
        row[columns.index(cell.left)] = " ".join(block.text for block in cell.blocks)
    return list(rows.values())
