"""What fuzzing begins with: real files of a format, and made ones for formats of which there is no small real one."""

import io
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from rag.errors import DocumentEmpty, DocumentRejected
from rag.parsing.filetypes import IMAGES, MediaType, detect
from tests.rag.parsing import test_epub, test_extractor, test_mail, test_opendocument, test_workbook
from tests.rag.parsing.damage import package
from tests.rag.parsing.old_office import VISIBLE, workbook

DATA = Path(__file__).parents[1] / "data"
FOUND = DATA / "fuzz"
"""Inputs that once ended a reader otherwise than by its errors; each stays fixed by `test_fuzz.py`."""
BYTES_MAX = 300_000
"""Larger files are mutated too seldom to be worth their time."""
SUFFIXES = {
    MediaType.HTML: ".html",
    MediaType.MARKDOWN: ".md",
    MediaType.TEXT: ".txt",
    MediaType.CSV: ".csv",
    MediaType.EML: ".eml",
    MediaType.ZIP: ".zip",
}
"""What a name must end with for formats that are told by it."""


def seeds(kind: MediaType, folders: Iterable[Path] = ()) -> list[bytes]:
    """The files of a format below the tests' data and other folders, and the made one."""
    paths = sorted(path for folder in (DATA, *folders) for path in folder.rglob("*") if path.is_file())
    found = [path.read_bytes() for path in paths if path.stat().st_size <= BYTES_MAX and kind_of(path) is kind]
    return [*found, *_made().get(kind, ())]


def kind_of(path: Path) -> MediaType | None:
    """The format of a file, None for one that is not read."""
    try:
        return detect(path.suffix.lower(), path.read_bytes())
    except (DocumentRejected, DocumentEmpty):
        return None


def _picture(form: str) -> bytes:
    out = io.BytesIO()
    Image.new("L", (40, 20), 255).save(out, form)
    return out.getvalue()


def _made() -> dict[MediaType, list[bytes]]:
    pictures = {kind: [_picture(kind.name)] for kind in IMAGES}
    return pictures | {
        MediaType.XLSX: [test_workbook.WHOLE],
        MediaType.ODT: [test_opendocument.TEXT],
        MediaType.ODS: [test_opendocument.SHEETS],
        MediaType.ODP: [test_opendocument.SHOW],
        MediaType.PPTX: [test_extractor.DECK],
        MediaType.RTF: [test_extractor.RTF],
        MediaType.EPUB: [test_epub.WHOLE],
        MediaType.XLS: [workbook(("Prices", VISIBLE, [["Item", "Price"], ["bolt", 12.5]]))],
        MediaType.ZIP: [package({"a.txt": "words", "b/c.csv": "a;b\n1;2"})],
        MediaType.EML: [test_mail.WHOLE, test_mail.RELATED],
        MediaType.CSV: ["Fruit;Prix\npêche;3,50 €\n".encode(), b'a,"b\nc",d\n1,2,3\n'],
    }
