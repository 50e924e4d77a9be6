"""A folder of this machine is told from a share by what is mounted where."""

import os
from pathlib import Path

import pytest

from rag.sources.mounts import is_told_of

MOUNTS = r"""
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 0:20 / /srv rw - xfs /dev/sdb rw
23 22 0:21 / /srv/share\040of\040all rw master:1 - nfs4 files:/x rw
24 21 0:22 / /mnt/smb rw shared:3 master:1 - cifs //files/x rw
25 21 0:23 / /home/a/cloud rw - fuse.rclone r rw
26 21 0:24 / /over rw - nfs files:/y rw
27 21 0:25 / /over rw - ext4 /dev/sdc rw
28 21 0:26 / /odd rw - somethingnew none rw
"""


@pytest.mark.parametrize(
    ("folder", "is_told"),
    [
        ("/etc", True),
        ("/srv/other", True),
        ("/srv", False),
        ("/srv/share of all/contracts", False),
        ("/srv/share of", True),
        ("/mnt/smb", False),
        ("/mnt/smb2", True),
        ("/home/a", False),
        ("/home/a/cloud/x", False),
        ("/over", True),
        ("/odd/x", False),
    ],
)
def test_what_is_mounted_last_and_nearest_and_below_decides(folder: str, is_told: bool) -> None:
    assert is_told_of(Path(folder), MOUNTS) is is_told


def test_a_link_is_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/mnt/smb/x")
    assert not is_told_of(tmp_path / "link", MOUNTS)


def test_nothing_is_told_where_nothing_is_known() -> None:
    assert not is_told_of(Path("/etc"), "")


def test_the_mounts_of_this_machine_are_read() -> None:
    if os.path.ismount("/dev/shm"):
        assert is_told_of(Path("/dev/shm"))
    assert not is_told_of(Path("/proc"))
