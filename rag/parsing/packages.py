"""ZIP packages (Office, OpenDocument, EPUB, archives): bounds before anything is unpacked, and parts as XML."""

import io
import zipfile

from lxml import etree

from rag.errors import DocumentRejected
from rag.parsing.filetypes import ZIP_ERRORS

UNPACKED_BYTES_MAX = 200 * 1024 * 1024
RATIO_MAX = 200
ENTRIES_MAX = 5000


def open_package(data: bytes, kind: str) -> zipfile.ZipFile:
    """The package, or DocumentRejected for one that is cut, locked, or would unpack beyond the limits.

    The sizes are those of its directory; `read_part` holds each part to what was declared.
    """
    try:
        package = zipfile.ZipFile(io.BytesIO(data))
        entries = package.infolist()
    except ZIP_ERRORS as error:
        raise DocumentRejected(f"the {kind} is cut or broken; copy it again") from error
    size = sum(entry.file_size for entry in entries)
    if size > UNPACKED_BYTES_MAX or size > RATIO_MAX * max(len(data), 1):
        raise DocumentRejected(f"the {kind} unpacks to {size >> 20} MB; the limit is {UNPACKED_BYTES_MAX >> 20} MB")
    if len(entries) > ENTRIES_MAX:
        raise DocumentRejected(f"the {kind} holds {len(entries)} files; the limit is {ENTRIES_MAX}: split it")
    if any(entry.flag_bits & 1 for entry in entries):
        raise DocumentRejected(f"the {kind} is locked with a password; save it without one")
    return package


def read_part(package: zipfile.ZipFile, part: str | zipfile.ZipInfo, kind: str) -> bytes:
    """A part's bytes, never more than its entry declares. Raises DocumentRejected where it is missing or broken."""
    try:
        entry = part if isinstance(part, zipfile.ZipInfo) else package.getinfo(part)
        with package.open(entry) as file:
            return file.read(entry.file_size)
    except (KeyError, *ZIP_ERRORS) as error:
        raise DocumentRejected(f"the {kind} is broken; open it and save it again") from error


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def read_xml(package: zipfile.ZipFile, name: str, kind: str) -> etree._Element:
    """A part as XML, without entities or anything from outside. Raises DocumentRejected."""
    return parse_xml(read_part(package, name, kind), kind)


def parse_xml(data: bytes, kind: str) -> etree._Element:
    """XML of a document, without entities or anything from outside. Raises DocumentRejected."""
    try:
        root = etree.fromstring(data, _parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        raise DocumentRejected(f"the {kind} is broken; open it and save it again") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise DocumentRejected(f"the {kind} declares entities of its own, which no office program does; save it again")
    return root
