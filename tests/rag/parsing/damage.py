"""Made packages, and files as they come from outside: any bytes, cut ones, ones with a changed byte."""

import io
import zipfile
from collections.abc import Callable, Mapping

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from rag.documents import ParsedDocument
from rag.errors import DocumentEmpty, DocumentRejected

Parse = Callable[[bytes], ParsedDocument]
SOME = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
"""A few seconds a file."""


def package(parts: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def parts_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def outcome(parse: Parse, data: bytes) -> ParsedDocument | str:
    """What was read, or the sentence of a refusal; any other error goes through to the test."""
    try:
        return parse(data)
    except (DocumentRejected, DocumentEmpty) as refusal:
        return str(refusal)


def ends_well(parse: Parse, data: bytes) -> bool:
    """Whether a file is read, or refused with a sentence."""
    ended = outcome(parse, data)
    return isinstance(ended, ParsedDocument) or len(ended.split()) > 3


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """The file cut, or with up to four bytes changed."""
    if draw(st.booleans()):
        return data[: draw(st.integers(0, len(data)))]
    return _changed(draw, data)


@st.composite
def damaged_inside(draw: st.DrawFn, data: bytes) -> bytes:
    """A package of which one part is damaged, gone or empty, and whose checksums are right."""
    parts = parts_of(data)
    name = draw(st.sampled_from(sorted(parts)))
    way = draw(st.sampled_from(["changed", "changed", "cut", "gone", "empty"]))
    if way == "gone":
        del parts[name]
    else:
        whole = parts[name]
        cut = whole[: draw(st.integers(0, len(whole)))]
        parts[name] = {"changed": _changed(draw, whole), "cut": cut, "empty": b""}[way]
    return package(parts)


def _changed(draw: st.DrawFn, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 4)) if data else 0):
        changed[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(changed)
