"""Downloads from a real server on loopback: continued, restarted, bounded, and explained when they fail."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from models.catalogue import Hub, ModelEntry
from models.errors import DiskFull, SourceFailed
from models.sources import FROM, Progress, fetch_file, fetch_hub
from tests.models.small import entry_for

CONTENT = bytes(range(256)) * 4096
ENTRY = entry_for(CONTENT)


@dataclass
class HubServer:
    """A hub with one file and, where asked, bad manners."""

    content: bytes = CONTENT
    knows_ranges: bool = True
    breaks_after: int | None = None
    wrong_start: bool = False
    status: int = 200
    ranges: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def source(self) -> Hub:
        return Hub(f"http://127.0.0.1:{self.port}/tiny.gguf")

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range", "")
        self.ranges.append(asked)
        start = int(re.sub(r"\D", "", asked) or 0) if self.knows_ranges else 0
        if self.status != 200 or start >= len(self.content):
            request.send_error(self.status if self.status != 200 else 416)
            return
        body = self.content[start:]
        request.send_response(206 if start else 200)
        if start:
            shown = start + 1 if self.wrong_start else start
            request.send_header("Content-Range", f"bytes {shown}-{len(self.content) - 1}/{len(self.content)}")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if self.breaks_after is not None:
            body = body[: self.breaks_after]
        request.wfile.write(body)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = HubServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name http.server gives it
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        server.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,))
        thread.start()
        yield server
        listener.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "tiny.partial"


def _fetch(hub: HubServer, target: Path, entry: ModelEntry = ENTRY) -> list[Progress]:
    reports: list[Progress] = []
    fetch_hub(hub.source, entry, target, reports.append)
    return reports


def test_a_file_is_fetched_with_its_progress(hub: HubServer, target: Path) -> None:
    reports = _fetch(hub, target)
    assert target.read_bytes() == CONTENT
    assert [report.done_bytes for report in reports] == sorted({report.done_bytes for report in reports})
    assert reports[-1] == Progress(ENTRY.file, len(CONTENT), len(CONTENT), 1, 1)


def test_a_partial_file_is_continued(hub: HubServer, target: Path) -> None:
    target.write_bytes(CONTENT[:1000])
    _fetch(hub, target)
    assert hub.ranges == ["bytes=1000-"]
    assert target.read_bytes() == CONTENT


def test_a_server_without_ranges_starts_over(hub: HubServer, target: Path) -> None:
    hub.knows_ranges = False
    target.write_bytes(b"old" * 100)
    _fetch(hub, target)
    assert target.read_bytes() == CONTENT


def test_a_broken_download_is_continued_by_itself(hub: HubServer, target: Path) -> None:
    hub.breaks_after = len(CONTENT) // 3
    _fetch(hub, target)
    assert len(hub.ranges) == 4
    assert target.read_bytes() == CONTENT


def test_a_download_that_breaks_without_a_byte_fails_and_keeps_what_there_is(hub: HubServer, target: Path) -> None:
    hub.breaks_after = 0
    target.write_bytes(CONTENT[:1000])
    with pytest.raises(SourceFailed, match=r"127\.0\.0\.1: RemoteProtocolError after 1000 bytes"):
        _fetch(hub, target)
    assert target.read_bytes() == CONTENT[:1000]


def test_a_complete_partial_file_is_not_asked_for_again(hub: HubServer, target: Path) -> None:
    target.write_bytes(CONTENT)
    _fetch(hub, target)
    assert hub.ranges == []


def test_a_partial_file_longer_than_expected_starts_over(hub: HubServer, target: Path) -> None:
    target.write_bytes(CONTENT + b"more")
    _fetch(hub, target)
    assert hub.ranges == [""]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("manners", [{"content": CONTENT[:500]}, {"wrong_start": True}])
def test_a_file_of_another_size_over_there_fails_and_is_forgotten(
    manners: dict[str, bytes | bool], hub: HubServer, target: Path
) -> None:
    for name, value in manners.items():
        setattr(hub, name, value)
    target.write_bytes(CONTENT[:1000])
    with pytest.raises(SourceFailed, match=r"127\.0\.0\.1 has a file of another size; what was fetched was deleted"):
        _fetch(hub, target)
    assert not target.exists()


def test_a_server_that_sends_too_much_is_cut_off(hub: HubServer, target: Path) -> None:
    hub.content = CONTENT * 2
    with pytest.raises(SourceFailed, match=f"sent more than {len(CONTENT)} bytes"):
        _fetch(hub, target)
    assert target.stat().st_size <= len(CONTENT)


def test_an_answer_that_is_no_file_is_named(hub: HubServer, target: Path) -> None:
    hub.status = 404
    with pytest.raises(SourceFailed, match=r"127\.0\.0\.1 answered 404"):
        _fetch(hub, target)


def test_no_network_is_told_as_such(hub: HubServer, target: Path) -> None:
    closed = replace(hub.source, url="http://127.0.0.1:1/tiny.gguf")
    with pytest.raises(SourceFailed, match=r"127\.0\.0\.1 cannot be reached .*; check the network or HTTPS_PROXY"):
        fetch_hub(closed, ENTRY, target, lambda _: None)


def test_a_disk_without_room_is_told_before_the_first_byte(hub: HubServer, target: Path) -> None:
    with pytest.raises(DiskFull, match=r"needs 1000000000000000 bytes in .*, \d+ are free; make room, or set"):
        _fetch(hub, target, replace(ENTRY, bytes=10**15))
    assert hub.ranges == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full to write to")
def test_a_disk_that_fills_up_is_told(hub: HubServer, target: Path) -> None:
    target.symlink_to("/dev/full")
    with pytest.raises(DiskFull, match="is full; make room and run the command again"):
        _fetch(hub, target)


def test_a_file_is_copied_from_the_folder_that_the_environment_names(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / ENTRY.file).write_bytes(CONTENT)
    monkeypatch.setenv(FROM, str(stick))
    reports: list[Progress] = []
    fetch_file(ENTRY, target, reports.append)
    assert target.read_bytes() == CONTENT
    assert reports[-1].done_bytes == len(CONTENT)


def test_a_folder_without_the_file_is_passed_over_by_name(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FROM, "/nowhere")
    with pytest.raises(SourceFailed, match=rf"no {ENTRY.file} in {tmp_path} nor in /nowhere"):
        fetch_file(ENTRY, target, lambda _: None)
    monkeypatch.delenv(FROM)
    with pytest.raises(SourceFailed, match="HUISCLOS_MODELS_FROM names no folder"):
        fetch_file(ENTRY, target, lambda _: None)
