"""Whether the kernel tells of every change in a folder: of a file system of this machine it does, of a share not.

What another machine changes on SMB or NFS, this kernel hears of when it looks. So kinds are listed that live here
alone; what is not among them is taken for a share.
"""

import re
from collections.abc import Iterator
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
_LOCAL = frozenset(
    {
        *("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "bcachefs", "f2fs", "jfs", "reiserfs", "nilfs2"),
        *("vfat", "exfat", "ntfs3", "hfsplus", "iso9660", "udf", "squashfs", "erofs", "tmpfs", "ramfs", "overlay"),
    }
)
_ESCAPED = re.compile(r"\\([0-7]{3})")
_POINT, _SEPARATOR = 4, "-"


def is_told_of(folder: Path, mounts: str | None = None) -> bool:
    """Whether the folder, and all that is mounted below it, lives on this machine. `mounts` as in proc(5)."""
    found = list(_mounted(MOUNTS.read_text() if mounts is None else mounts))
    place = folder.resolve()
    around = [(point, kind) for point, kind in found if place.is_relative_to(point)]
    if not around:
        return False
    _, own = max(enumerate(around), key=lambda each: (len(each[1][0].parts), each[0]))
    below = [kind for point, kind in found if point != place and point.is_relative_to(place)]
    return {own[1], *below} <= _LOCAL


def _mounted(mounts: str) -> Iterator[tuple[Path, str]]:
    """Each mount point with its kind of file system; of two at one point the later hides the earlier."""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if _SEPARATOR in fields[_POINT + 1 :]:
            kind = fields[fields.index(_SEPARATOR, _POINT + 1) + 1]
            yield Path(_ESCAPED.sub(lambda each: chr(int(each[1], 8)), fields[_POINT])), kind
