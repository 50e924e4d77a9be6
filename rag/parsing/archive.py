"""ZIP archives: their files, within limits, never by following a link and never written under their own names."""

import stat
import zipfile

from rag.documents import ParsedDocument
from rag.errors import DocumentEmpty, DocumentRejected
from rag.parsing.filetypes import MediaType, detect
from rag.parsing.members import Members
from rag.parsing.packages import open_package, read_part

KIND = "ZIP archive"


def parse(data: bytes) -> ParsedDocument:
    """A document without text whose members are the archive's files; folders, links and hidden files are left out."""
    members = Members()
    with open_package(data, KIND) as archive:
        for entry in archive.infolist():
            name = _name(entry)
            is_folder = entry.filename.endswith("/")  # `is_dir` fails on an entry without a name
            if not is_folder and not stat.S_ISLNK(entry.external_attr >> 16) and not _is_hidden(name):
                members.add(name, read_part(archive, entry, KIND))
    if not members.found:
        raise DocumentEmpty("the archive holds no file")
    if any(_is_archive(member.data) for member in members.found):
        raise DocumentRejected("the archive holds another archive; unpack it, and load what is in it")
    return ParsedDocument("", None, (), members=members.found)


def _name(entry: zipfile.ZipInfo) -> str:
    """The name; without the flag for UTF-8 it is what Windows in Western Europe wrote, which Python reads as CP437."""
    if entry.flag_bits & 0x800:
        return entry.filename
    try:
        raw = entry.filename.encode("cp437")
    except UnicodeEncodeError:  # from a field beside the name, which later versions of Python read
        return entry.filename
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp850", "replace")


def _is_hidden(name: str) -> bool:
    parts = (part for part in name.replace("\\", "/").split("/") if part not in {".", ".."})
    return any(part.startswith((".", "__MACOSX")) for part in parts)


def _is_archive(data: bytes) -> bool:
    """A plain archive; an Office file is one of a kind that is read, and a broken one is told by its own name."""
    try:
        return data.startswith(b"PK") and detect(".zip", data) is MediaType.ZIP
    except DocumentRejected:
        return False
