"""POSIX ACLs as the kernel takes them, for tests; on file systems that have them."""

import errno
import os
import struct
from pathlib import Path

import pytest

from rag.sources.rights import ACL

OWNER, USER, OWNING_GROUP, GROUP, MASK, OTHERS = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
NOBODY = 0xFFFFFFFF
Entry = tuple[int, int, int]
"""Whom it is for, bits, number of a named user or group."""


def packed(*entries: Entry) -> bytes:
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in sorted(entries))


def set_acl(path: Path, *named: Entry, owner: int = 6, group: int = 0, others: int = 0, mask: int = 7) -> None:
    """Give a file entries for named users and groups beside those of its mode."""
    whole = ((OWNER, owner, NOBODY), (OWNING_GROUP, group, NOBODY), (MASK, mask, NOBODY), (OTHERS, others, NOBODY))
    try:
        os.setxattr(path, ACL, packed(*named, *whole))
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            pytest.skip("this file system has no ACLs")
        raise
