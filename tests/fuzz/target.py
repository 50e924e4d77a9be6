"""One reader under libFuzzer: `python -m tests.fuzz.target FORMAT CORPUS [libFuzzer's options]`."""

import importlib
import random
import sys
import zipfile

import atheris

with atheris.instrument_imports(
    include=["rag", "openpyxl", "docx", "xlrd", "olefile", "oxmsg", "markdown_it", "html", "email", "csv", "zipfile"],
):
    from rag.errors import DocumentEmpty, DocumentRejected, PagesScanned
    from rag.parsing import child
    from rag.parsing.filetypes import MediaType

    KIND = MediaType[sys.argv[1].upper()]
    importlib.import_module(f"rag.parsing.{child._PARSERS[KIND][0]}")
from tests.fuzz.seeds import SUFFIXES
from tests.rag.parsing.damage import package, parts_of
from tests.rag.parsing.old_office import compound, streams_of

_PACKAGES = frozenset(
    {MediaType.DOCX, MediaType.XLSX, MediaType.PPTX, MediaType.ODT, MediaType.ODS, MediaType.ODP, MediaType.EPUB}
)
_COMPOUNDS = frozenset({MediaType.DOC, MediaType.PPT, MediaType.XLS})
_HAS_NO_PARTS = (
    zipfile.BadZipFile,
    OSError,
    ValueError,
    RuntimeError,
    LookupError,
    EOFError,
    AssertionError,
    TypeError,
)
_GROWTH = 64


def read(data: bytes) -> None:
    """What a child does with a file; any other error than these is a finding."""
    try:
        child._parse(data, {"suffix": SUFFIXES.get(KIND, "")})
    except (DocumentEmpty, DocumentRejected, PagesScanned):
        return


def mutate(data: bytes, bytes_max: int, seed: int) -> bytes:
    """A file with one part changed and whole again around it; one that has no parts is changed as it is."""
    chance = random.Random(seed)
    try:
        parts = parts_of(data) if KIND in _PACKAGES else streams_of(data)
        name = chance.choice(sorted(parts))
        parts[name] = bytes(atheris.Mutate(parts[name], len(parts[name]) + _GROWTH))
        made = package(parts) if KIND in _PACKAGES else compound(parts)
    except _HAS_NO_PARTS:
        return bytes(atheris.Mutate(data, bytes_max))
    return made if len(made) <= bytes_max else data


def main() -> None:
    """Run until libFuzzer's own options end it."""
    arguments = [sys.argv[0], *sys.argv[2:]]
    if KIND in _PACKAGES | _COMPOUNDS:
        atheris.Setup(arguments, read, custom_mutator=mutate)
    else:
        atheris.Setup(arguments, read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
