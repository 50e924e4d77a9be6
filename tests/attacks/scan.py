"""Looks for words and vectors in every byte of files, in every form that a careless program leaves them in."""

import base64
import mmap
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 8
"""Any 16 consecutive bytes of a vector hold one whole block of 8 that begins at a multiple of 8."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something found, and where."""

    what: str
    path: Path


def word_needles(words: Iterable[str]) -> dict[bytes, str]:
    """Each word as UTF-8 in three cases, UTF-16 both ways, hexadecimal, and base64 at its three alignments."""
    needles: dict[bytes, str] = {}
    for word in words:
        for form in (word, word.upper(), word.capitalize()):
            for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
                needles[form.encode(encoding)] = f"{word} as {encoding}"
        needles[word.encode().hex().encode()] = f"{word} as hexadecimal"
        needles |= dict.fromkeys(_base64(word.encode()), f"{word} as base64")
    return needles


def _base64(word: bytes) -> Iterator[bytes]:
    """What stands in base64 whatever comes before and after the word."""
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + word)
        yield whole[-(-shift * 8 // 6) + (1 if shift else 0) : len(whole) // 4 * 4 - 4]


def vector_blocks(vectors: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Every aligned block of the vectors, as float32 and as float16."""
    forms = (np.ascontiguousarray(vectors, np.dtype(kind)).tobytes() for kind in ("<f4", "<f2"))
    return np.unique(np.concatenate([np.frombuffer(form, "<u8") for form in forms]))


def files_since(roots: Iterable[Path], began: float) -> Iterator[Path]:
    """Regular files under the roots that were made or changed since; sockets and links are left out."""
    for root in roots:
        for folder, _, names in os.walk(root):
            for name in names:
                path = Path(folder, name)
                try:
                    found = path.lstat()
                except OSError:
                    continue  # somebody else's, gone meanwhile
                if stat.S_ISREG(found.st_mode) and max(found.st_ctime, found.st_mtime) >= began:
                    yield path


def scan(paths: Iterable[Path], words: Iterable[str], blocks: NDArray[np.uint64]) -> list[Finding]:
    """Everything found in names and bytes of the files."""
    needles, findings = word_needles(words), []
    for path in paths:
        findings += [Finding(f"{what} in its name", path) for needle, what in needles.items() if needle in bytes(path)]
        try:
            content = _content(path)
        except OSError:
            continue  # somebody else's, gone meanwhile
        findings += [Finding(what, path) for needle, what in needles.items() if content.find(needle) >= 0]
        if _holds(content, blocks):
            findings.append(Finding("bytes of a vector", path))
    return findings


def _content(path: Path) -> mmap.mmap | bytes:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""


def _holds(content: mmap.mmap | bytes, blocks: NDArray[np.uint64]) -> bool:
    """Whether any block stands at any place: a look-up by two bytes first, the whole block for what is left."""
    begins = np.zeros(2**16, bool)
    begins[(blocks & np.uint64(0xFFFF)).astype(np.int64)] = True
    for shift in range(BLOCK_BYTES):
        count = (len(content) - shift) // BLOCK_BYTES
        if count < 1 or not len(blocks):
            return False
        view = np.frombuffer(content, "<u8", count, shift)
        likely = view[begins[(view & np.uint64(0xFFFF)).astype(np.int64)]]
        if np.isin(likely, blocks).any():
            return True
    return False
