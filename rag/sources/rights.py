"""Who may read a file of a folder, by the file system: its mode, and the entries of its POSIX ACL where it has one.

The rule is acl(5), read so that no right is ever widened for somebody of a group, whoever else they are:

    anybody               the owner or a named user has less than is asked for: nobody may, since it may be them
    of a group named      an entry of that group (the owning one, a named one), as masked, gives it: they may
    of no group named     the entry for others gives it, and so does every entry of a group: they may
"""

import errno
import grp
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from rag.errors import SourceUnavailable

READ, ENTER = 4, 1
"""Bits of an entry: to read a file, to go through a folder."""

ACL = "system.posix_acl_access"
_VERSION = struct.pack("<I", 2)
_ENTRY = struct.Struct("<HHI")
_ALL = 7
_NO_ACL = (errno.ENODATA, errno.ENOTSUP, errno.ENOSYS)


class _Tag(IntEnum):
    """Whom an entry of an ACL is for."""

    OWNER = 0x01
    USER = 0x02
    OWNING_GROUP = 0x04
    GROUP = 0x08
    MASK = 0x10
    OTHERS = 0x20


@dataclass(frozen=True, slots=True)
class Access:
    """Bits that a file or folder gives: to its owner and named users, to its groups by their number, to others."""

    users: tuple[int, ...]
    groups: tuple[tuple[int, int], ...]
    others: int

    def lets(self, gid: int, bits: int) -> bool:
        """Whether everybody of a group has these bits."""
        if any(given & bits != bits for given in self.users):
            return False
        own = [given for group, given in self.groups if group == gid]
        if own:
            return any(given & bits == bits for given in own)
        return all(given & bits == bits for given in (self.others, *(given for _, given in self.groups)))


@dataclass(frozen=True, slots=True)
class Reader:
    """A group that may read a collection, and the numbers of the folder's groups that it stands for.

    Without a number it stands for nobody whom the folder knows, and may read nothing there.
    """

    name: str
    gids: tuple[int, ...]

    def may(self, access: Access, bits: int) -> bool:
        """Whether everybody of all those groups has these bits."""
        return bool(self.gids) and all(access.lets(gid, bits) for gid in self.gids)


def access_of(where: int | str) -> Access:
    """What a file or folder, opened or named, gives to whom. Raises OSError; a link is not followed."""
    found = os.fstat(where) if isinstance(where, int) else os.lstat(where)
    acl = _acl(where)
    if acl is None:
        mode = found.st_mode
        return Access((mode >> 6 & _ALL,), ((found.st_gid, mode >> 3 & _ALL),), mode & _ALL)
    return parse_acl(acl, found.st_gid)


def parse_acl(content: bytes, owning_gid: int) -> Access:
    """The entries of an ACL as the kernel gives it, each as the mask leaves it. What is not understood lets nobody."""
    if content[: len(_VERSION)] != _VERSION or (len(content) - len(_VERSION)) % _ENTRY.size:
        return Access((0,), (), 0)
    entries = list(_ENTRY.iter_unpack(content[len(_VERSION) :]))
    mask = next((bits for tag, bits, _ in entries if tag == _Tag.MASK), _ALL)
    users, groups, others = list[int](), list[tuple[int, int]](), 0
    for tag, bits, number in entries:
        match tag:
            case _Tag.OWNER:
                users.append(bits)
            case _Tag.USER:
                users.append(bits & mask)
            case _Tag.OWNING_GROUP:
                groups.append((owning_gid, bits & mask))
            case _Tag.GROUP:
                groups.append((number, bits & mask))
            case _Tag.OTHERS:
                others = bits
            case _Tag.MASK:
                pass
            case _:
                return Access((0,), (), 0)
    return Access(tuple(users), tuple(groups), others)


def barred(access: Access, readers: Iterable[Reader], bits: int) -> Reader | None:
    """The first reader who lacks these bits."""
    return next((reader for reader in readers if not reader.may(access, bits)), None)


def gid_of(group: str) -> int:
    """The number of a group of this machine, given by its name or as its number. Raises SourceUnavailable."""
    if group.isascii() and group.isdigit():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise SourceUnavailable(
            f"this machine knows no group {group!r} now, so that its rights cannot be told; nothing was changed"
        ) from error


def _acl(where: int | str) -> bytes | None:
    try:
        return os.getxattr(where, ACL) if isinstance(where, int) else os.getxattr(where, ACL, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NO_ACL:
            return None
        raise
