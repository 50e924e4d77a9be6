import os
import stat
from pathlib import Path

import pytest

from security.errors import InsecureState
from security.files import read_private, write_private


def test_a_private_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "one"
    write_private(path, b"content")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert read_private(path, 100) == b"content"


def test_replacing_leaves_nothing_else_behind(tmp_path: Path) -> None:
    path = tmp_path / "one"
    write_private(path, b"old")
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "one"
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        write_private(path, b"new")
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_planted_where_the_new_file_is_written_leads_nowhere(tmp_path: Path) -> None:
    path, target = tmp_path / "one", tmp_path / "somebodys"
    target.write_bytes(b"theirs")
    (tmp_path / f".one.{os.getpid()}.new").symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"):
        write_private(path, b"secret")
    assert target.read_bytes() == b"theirs"


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o610, 0o604, 0o602, 0o601])
def test_one_permission_for_anybody_else_is_one_too_many(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "one"
    write_private(path, b"content")
    path.chmod(mode)
    with pytest.raises(InsecureState, match=f"mode {mode:04o}, expected 0600"):
        read_private(path, 100)


def test_a_file_that_others_may_read_or_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one"
    write_private(path, b"content")
    with pytest.raises(InsecureState, match="larger than 3 bytes"):
        read_private(path, 3)
    path.chmod(0o640)
    with pytest.raises(InsecureState, match="mode 0640, expected 0600"):
        read_private(path, 100)
