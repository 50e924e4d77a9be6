"""What goes to a worker elsewhere and comes back, as bytes, sealed under the workers' key for one file alone.

    file     frame(JSON of the work without its bytes, its bytes)
    passages frame(JSON of document and chunks, vectors (n, d) float32 little endian row by row, each member's bytes)
    refusal  frame(JSON {"refused": kind, "reason": sentence})

What a worker says is checked like what a reader says before anything is made of it.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from rag.documents import Chunk, Member
from rag.errors import DocumentEmpty, DocumentRejected
from rag.keptout import REFUSALS, state_of
from rag.parsing.sandbox import ReadDocument
from rag.reading import Passages, Work
from security.sealing import Context, DataKey, frame

_LENGTH_BYTES = 4
_WORK, _READ, _CHUNKS = TypeAdapter(Work), TypeAdapter(ReadDocument), TypeAdapter(tuple[Chunk, ...])


def sealed_work(key: DataKey, identifier: str, work: Work) -> bytes:
    """A file for a worker."""
    told = _WORK.dump_python(replace(work, data=b""), mode="json", exclude={"data"})
    return _sealed(key, Context("work", identifier, "file"), [_json(told), work.data])


def opened_work(key: DataKey, identifier: str, sealed: bytes) -> Work:
    """The file that a worker got. Raises SealBroken."""
    told, data = _opened(key, Context("work", identifier, "file"), sealed)
    return _WORK.validate_python({**json.loads(told), "data": data})


def sealed_passages(key: DataKey, identifier: str, found: Passages) -> bytes:
    """What a worker found in a file."""
    members = found.read.document.members
    document = replace(found.read.document, members=tuple(Member(member.name, b"") for member in members))
    read = _READ.dump_python(replace(found.read, document=document), mode="json")
    chunks = _CHUNKS.dump_python(found.chunks, mode="json")
    vectors = np.ascontiguousarray(found.vectors, "<f4").tobytes()
    parts = [_json({"read": read, "chunks": chunks}), vectors, *(member.data for member in members)]
    return _sealed(key, Context("work", identifier, "answer"), parts)


def sealed_refusal(key: DataKey, identifier: str, error: DocumentRejected | DocumentEmpty) -> bytes:
    """Why a worker found nothing in a file."""
    told = _json({"refused": state_of(error), "reason": str(error)})
    return _sealed(key, Context("work", identifier, "answer"), [told])


def opened_answer(key: DataKey, identifier: str, sealed: bytes) -> Passages:
    """What a worker found; raises what it refused the file with, SealBroken, and ValueError for what no worker says."""
    told, *blobs = _opened(key, Context("work", identifier, "answer"), sealed)
    answer = json.loads(told)
    if "refused" in answer:
        raise REFUSALS[answer["refused"]](str(answer["reason"]))
    vectors, *members = blobs
    read = _READ.validate_python(answer["read"])
    chunks = _CHUNKS.validate_python(answer["chunks"])
    named = zip(read.document.members, members, strict=True)
    document = replace(read.document, members=tuple(Member(member.name, data) for member, data in named))
    return Passages(replace(read, document=document), chunks, _vectors(vectors, len(chunks)))


def _vectors(raw: bytes, count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """(count, d) float32. Raises ValueError unless they are as many rows of finite numbers."""
    numbers = np.frombuffer(raw, "<f4").astype(np.float32)
    rows = numbers.reshape(count, -1) if count else numbers.reshape(0, 0)
    if not np.isfinite(rows).all():
        raise ValueError("vectors are not finite")
    return rows


def _json(value: Any) -> bytes:
    """JSON in ASCII: paths may hold what is no UTF-8."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _sealed(key: DataKey, context: Context, parts: Sequence[bytes]) -> bytes:
    return b"".join(key.sealed_stream(BytesIO(frame(*parts)), context))


def _opened(key: DataKey, context: Context, sealed: bytes) -> list[bytes]:
    whole = b"".join(key.open_stream(BytesIO(sealed), context))
    parts, at = [], 0
    while at < len(whole):
        length = int.from_bytes(whole[at : at + _LENGTH_BYTES], "big")
        at += _LENGTH_BYTES
        parts.append(whole[at : at + length])
        at += length
    return parts
