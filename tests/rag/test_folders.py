"""A folder is listed without following or guessing, and a file is read whole or not at all."""

import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import DocumentRejected, FileUnavailable, FolderMissing
from rag.folders import read_file, shown_name, survey


def test_files_come_before_folders_each_by_name_and_hidden_ones_not_at_all(tmp_path: Path) -> None:
    for name in ("b/z.txt", "b/a.txt", "c.txt", "A.txt", ".hidden/x.txt", ".x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    found = survey(tmp_path)
    assert [file.doc for file in found.files] == ["A.txt", "c.txt", "b/a.txt", "b/z.txt"]
    assert found.is_complete


def test_a_link_to_the_folder_itself_ends(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    (found,) = survey(tmp_path).files
    assert "symbolic link" in str(found.problem)


def test_the_root_may_be_a_link_and_is_named_by_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert survey(tmp_path / "link").root == (tmp_path / "real").resolve()


def test_a_socket_is_no_file_and_a_missing_path_is_said(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        (found,) = survey(tmp_path).files
        assert "pipe, socket or device" in str(found.problem)
    with pytest.raises(FolderMissing):
        survey(tmp_path / "absent")


def test_a_single_file_is_a_survey_that_is_not_complete(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    found = survey(tmp_path / "a.txt")
    assert [file.doc for file in found.files] == ["a.txt"]
    assert not found.is_complete


def test_a_file_is_read_with_the_time_of_its_last_change(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"content")
    os.utime(path, (0, 0))
    content = read_file(path, 100)
    assert (content.data, content.modified_at) == (b"content", datetime(1970, 1, 1, tzinfo=UTC))


def test_a_file_over_the_limit_is_rejected_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x" * 11)
    assert read_file(tmp_path / "a.txt", 11).data == b"x" * 11
    with pytest.raises(DocumentRejected, match="limit is 0 MB: split it"):
        read_file(tmp_path / "a.txt", 10)


def test_a_file_that_changes_while_it_is_read_waits_for_the_next_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("x")
    times, look = iter(range(100)), os.fstat

    def look_after_a_change(descriptor: int) -> os.stat_result:
        os.utime(path, (0, next(times)))
        return look(descriptor)

    monkeypatch.setattr("rag.folders.os.fstat", look_after_a_change)
    with pytest.raises(FileUnavailable, match="changed while it was read"):
        read_file(path, 10)


def test_a_link_or_pipe_put_in_the_place_of_a_file_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/hostname")
    with pytest.raises(OSError, match="symbolic links"):
        read_file(tmp_path / "link", 100)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileUnavailable, match="no regular file"):
        read_file(tmp_path / "pipe", 100)


@given(st.binary(max_size=40))
def test_any_name_can_be_shown(name: bytes) -> None:
    shown = shown_name(os.fsdecode(name))
    shown.encode()
    assert not set(shown) & set("\n\r\x00\u202e\u2066")
