"""Every hostile file ends as it should in one real load, and costs the house nothing."""

import csv
import shutil
from pathlib import Path

import pytest

from chat.settings import load_settings
from models.store import ModelStore
from rag.folders import shown_name
from rag.loading import FileLoaded, Loader
from tests.rag import hostile
from tests.rag.conftest import Shelf

FILES = Path(__file__).parents[1] / "data" / "hostile"
REJECTED, EMPTY, INDEXED, QUARANTINED = {"rejected"}, {"empty"}, {"indexed"}, {"quarantined"}
EXPECTED: dict[str, set[str]] = {
    **dict.fromkeys(map(shown_name, hostile.ODD_NAMES), INDEXED),
    "active.html": INDEXED,
    "attachment-name.eml": INDEXED,
    "bidi.txt": INDEXED,
    "bomb-docx.docx": REJECTED,
    "bomb-nested.zip": REJECTED,
    "bomb-plain.zip": REJECTED,
    "count-lie.pdf": INDEXED | REJECTED,
    "cut.jpg": REJECTED | EMPTY,
    "cut.pdf": REJECTED,
    "deep-table.docx": REJECTED | INDEXED,
    "deep.html": REJECTED,
    "deep.json": REJECTED,
    "defusedxml-external.xml": REJECTED,
    "defusedxml-xmlbomb.xml": REJECTED,
    "eicar.txt": INDEXED,
    "embedded-file.pdf": INDEXED,
    "entity-bomb.docx": REJECTED,
    "exfil.md": QUARANTINED,
    "fake-roles.md": QUARANTINED,
    "flate-bomb.pdf": REJECTED | EMPTY,
    "formula-and-far-cell.xlsx": INDEXED,
    "formula.csv": INDEXED,
    "garbage-in-front.pdf": INDEXED | REJECTED,
    "half.docx": REJECTED,
    "hidden-row.xlsx": QUARANTINED,
    "hidden-text.docx": QUARANTINED,
    "hidden.html": QUARANTINED,
    "huge-page.pdf": INDEXED | REJECTED,
    "huge.png": REJECTED,
    "injection-scan.png": QUARANTINED,
    "js-openaction.pdf": INDEXED,
    "launch.pdf": INDEXED,
    "mail-injection.eml": QUARANTINED,
    "many-entries.zip": REJECTED,
    "many-parts.eml": REJECTED,
    "meta-injection.pdf": EMPTY | QUARANTINED,
    "nested.eml": REJECTED | INDEXED,
    "nfd-noms.txt": INDEXED,
    "not-a-docx.docx": REJECTED,
    "nuls.txt": REJECTED,
    "ocrmypdf-enormous.pdf": INDEXED | REJECTED | EMPTY,
    "ocrmypdf-invalid.pdf": REJECTED,
    "ocrmypdf-jbig2_baddevicen.pdf": INDEXED | EMPTY,
    "ocrmypdf-no_contents.pdf": EMPTY,
    "ocrmypdf-rotated_skew.pdf": INDEXED,
    "ocrmypdf-truetype_font_nomapping.pdf": INDEXED,
    "oletools-dde-test.docx": INDEXED,
    "oletools-encrypted.docx": REJECTED,
    "oletools-sample_with_lnk_file.doc": REJECTED | EMPTY,
    "one-line.txt": INDEXED,
    "pages-loop.pdf": REJECTED,
    "pdf-zip.pdf": INDEXED,
    "pikepdf-badlin1.pdf": INDEXED | REJECTED,
    "pikepdf-cyclic-toc.pdf": EMPTY,
    "pikepdf-graph-encrypted.pdf": REJECTED,
    "poison.md": QUARANTINED,
    "program.pdf": REJECTED,
    "pypdf-attachment.pdf": INDEXED,
    "pypdf-encryption-r6-empty-password.pdf": INDEXED,
    "pypdf-libreoffice-writer-password.pdf": REJECTED,
    "remote-template.docx": INDEXED,
    "svg-xxe.svg": REJECTED,
    "symlink.zip": EMPTY,
    "tags.txt": QUARANTINED,
    "tiny-text.pdf": QUARANTINED,
    "traversal.tar.gz": REJECTED,
    "traversal.zip": INDEXED,
    "un-fake-email-malformed-encoding.eml": INDEXED,
    "un-fake-power-point-malformed.pptx": INDEXED | REJECTED,
    "un-fake-text-all-whitespace.txt": EMPTY,
    "un-password_protected.xlsx": REJECTED,
    "un-rotated-page-90.pdf": INDEXED,
    "un-umlauts-non-utf8.md": INDEXED,
    "utf16-no-bom.txt": REJECTED,
    "white-text.docx": QUARANTINED,
    "white-text.pdf": QUARANTINED,
    "wide.csv": REJECTED,
    "xxe.docx": EMPTY | REJECTED,
    "zero-width.txt": INDEXED,
    "zero.pdf": EMPTY,
}
SECONDS_MAX = 120
PLANTED = ("PWNED-7731", "PIRATE-7731", "root:x:0")
"""What the files want a model to say, and what a reader that follows an external entity would show."""


@pytest.fixture
def loader(shelf: Shelf) -> Loader:
    """The shelf's loader with what reads scans."""
    tessdata = ModelStore(load_settings(shelf.state).models.folder).tessdata()
    assert tessdata, "no data for OCR: run `huisclos models pull --for-tests`"
    return Loader(shelf.documents, shelf.index, shelf.embedder, shelf.memory, tessdata)


@pytest.mark.timeout(900)
def test_every_hostile_file_ends_as_it_should_and_leaves_nothing(shelf: Shelf, loader: Loader, tmp_path: Path) -> None:
    root = tmp_path / "share"
    shutil.copytree(FILES, root)
    hostile.make(root)
    before = _outside(tmp_path, root, shelf.state)
    ended = {file.doc: file for file in loader.load(shelf.managing, root)}
    assert EXPECTED.keys() <= ended.keys()
    wrong = {name: (ended[name].state.value, ended[name].reason) for name in EXPECTED if _is_wrong(ended[name])}
    assert wrong == {}
    assert max(file.seconds for file in ended.values()) < SECONDS_MAX
    texts = [text for batch in shelf.documents.entries.texts(shelf.indexing) for _, text in batch]
    assert len(texts) > 30
    assert [text for text in texts if any(word in text for word in PLANTED)] == []
    assert list(shelf.memory.glob("read-*")) == []
    assert _outside(tmp_path, root, shelf.state) == before


def _outside(folder: Path, *own: Path) -> set[Path]:
    """What lies in a folder, but for what lies below the given ones."""
    return {path for path in folder.rglob("*") if not set(own) & {path, *path.parents}}


def _is_wrong(file: FileLoaded) -> bool:
    return file.state.value not in EXPECTED[file.doc]


def test_each_file_has_an_expectation_and_a_source() -> None:
    with (FILES.parent / "SOURCES.tsv").open() as file:
        sources = {row["file"] for row in csv.DictReader(file, delimiter="\t")}
    for path in FILES.iterdir():
        assert path.name in EXPECTED
        assert f"hostile/{path.name}" in sources


def test_what_a_person_released_comes_in(shelf: Shelf, loader: Loader, tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    shutil.copy(FILES / "poison.md", tmp_path / "share")
    first, second = (
        list(loader.load(shelf.managing, tmp_path / "share", released)) for released in ((), ("poison.md",))
    )
    assert (first[0].state, second[0].state) == ("quarantined", "indexed")
    assert "--release" in (first[0].reason or "")
    third = list(loader.load(shelf.managing, tmp_path / "share"))
    assert third[0].state == "unchanged"
