"""Set-up fetches, adds and chooses weights; whatever is wrong leaves the folder as it was."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from models.catalogue import Catalogue, Hub, LocalFile, ModelEntry, Task, WheelPart, Wheels
from models.catalogue_file import load_catalogue
from models.errors import CatalogueWrong, DiskFull, SourceFailed, StoreBusy, WeightsCorrupt, WeightsMissing
from models.setup import ModelSetup
from models.sources import FROM, Progress
from models.store import ModelStore, Status
from tests.models.small import entry_for, waiting_entry, write_gguf

CONTENT = b"weights" * 1000


@pytest.fixture
def stick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that files are copied from."""
    folder = tmp_path / "stick"
    folder.mkdir()
    monkeypatch.setenv(FROM, str(folder))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


def _setup(folder: Path, *entries: ModelEntry) -> ModelSetup:
    return ModelSetup(folder, Catalogue(entries))


def _files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".lock"}


def test_weights_are_copied_from_the_stick_and_checked(folder: Path, stick: Path) -> None:
    entry = entry_for(CONTENT, LocalFile())
    (stick / entry.file).write_bytes(CONTENT)
    setup = _setup(folder, entry)
    reports: list[Progress] = []
    assert setup.pull(entry, reports.append) == []
    assert setup.path(entry).read_bytes() == CONTENT
    assert reports[-1].done_bytes == len(CONTENT)
    assert _files(folder) == {entry.file}


def test_wrong_bytes_are_deleted_and_the_next_source_is_tried(folder: Path, stick: Path) -> None:
    entry = entry_for(CONTENT, LocalFile(), Wheels((WheelPart("kept", "1", "0" * 64, "x"),)))
    (stick / entry.file).write_bytes(b"poison")
    kept = folder / ".parts" / f"kept-1-{'0' * 12}.part"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(CONTENT)
    found = hashlib.sha256(b"poison").hexdigest()
    setup = _setup(folder, entry)
    assert setup.pull(entry) == [f"download of {entry.file}: sha256 {found}, expected {entry.sha256}; it was deleted"]
    assert setup.path(entry).read_bytes() == CONTENT
    assert _files(folder) == {entry.file}


def test_parts_that_are_wrong_together_are_not_joined_a_second_time(folder: Path) -> None:
    entry = entry_for(CONTENT, Wheels((WheelPart("kept", "1", "0" * 64, "x"),)))
    kept = folder / ".parts" / f"kept-1-{'0' * 12}.part"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"damaged on the disk")
    with pytest.raises(SourceFailed, match=r"sha256 \w+, expected \w+; it was deleted"):
        _setup(folder, entry).pull(entry)
    assert _files(folder) == set()


def test_no_source_names_each_reason_and_the_way_out(folder: Path, stick: Path) -> None:
    entry = entry_for(CONTENT, LocalFile())
    with pytest.raises(SourceFailed, match=rf"no {entry.file} in .*stick.*`huisclos models add FILE tiny`"):
        _setup(folder, entry).pull(entry)


def test_weights_that_are_here_are_checked_and_not_fetched(folder: Path, stick: Path) -> None:
    entry = entry_for(CONTENT, LocalFile())
    folder.mkdir()
    (folder / entry.file).write_bytes(CONTENT)
    assert _setup(folder, entry).pull(entry) == []
    (folder / entry.file).write_bytes(b"other")
    with pytest.raises(WeightsCorrupt, match="expected"):
        _setup(folder, entry).pull(entry)


def test_weights_without_a_known_hash_are_never_fetched(folder: Path, stick: Path) -> None:
    entry = waiting_entry()
    write_gguf(stick / entry.file)
    with pytest.raises(SourceFailed, match="no SHA-256 is known to check a download against"):
        _setup(folder, entry).pull(entry)


def test_a_second_command_at_the_same_time_is_told_to_wait(folder: Path, stick: Path) -> None:
    entry = entry_for(CONTENT, LocalFile())
    (stick / entry.file).write_bytes(CONTENT)
    folder.mkdir()
    setup = _setup(folder, entry)
    with FileLock(folder / ".lock"), pytest.raises(StoreBusy, match="another command changes"):
        setup.pull(entry)
    setup.pull(entry)


def test_the_server_reads_while_a_command_changes(folder: Path, tiny: Path) -> None:
    setup = _setup(folder, waiting_entry())
    setup.add(tiny, "tiny")
    with FileLock(folder / ".lock"):
        assert ModelStore(folder, Catalogue((waiting_entry(),))).chosen(Task.GENERATE).sha256


def test_an_added_file_is_recorded_and_loads(folder: Path, tiny: Path) -> None:
    entry = _setup(folder, waiting_entry()).add(tiny, "tiny")
    assert entry.bytes == tiny.stat().st_size
    assert entry.sha256 == hashlib.sha256(tiny.read_bytes()).hexdigest()
    again = ModelStore(folder, Catalogue((waiting_entry(),)))
    assert again.entry("tiny").sha256 == entry.sha256
    assert again.path(again.entry("tiny")).read_bytes() == tiny.read_bytes()
    assert _files(folder) == {entry.file, "own.toml"}


def test_a_newer_file_may_be_added_under_a_name_of_ones_own(folder: Path, tiny: Path, tmp_path: Path) -> None:
    setup = _setup(folder, waiting_entry())
    first = setup.add(tiny, "tiny")
    second = setup.add(write_gguf(tmp_path / "newer.gguf", tokens=("<|im_start|>", "newer")), "tiny")
    assert first.sha256 != second.sha256
    assert setup.entry("tiny").sha256 == second.sha256
    setup.verify(second)


def test_a_new_name_gets_its_context_and_chat_format_from_the_file(folder: Path, tmp_path: Path) -> None:
    own = write_gguf(tmp_path / "any name.gguf", "llama", ("<s>", "[INST]", "[SYSTEM_PROMPT]"))
    setup = _setup(folder, waiting_entry())
    entry = setup.add(own, "house-model", Task.GENERATE)
    assert (entry.file, entry.chat_format, entry.context_tokens) == ("house-model.gguf", "mistral", 2048)
    assert setup.use("house-model") == setup.chosen(Task.GENERATE) == setup.entry("house-model")


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (("<|im_start|>",), "chatml"),
        (("<|im_start|>", "<think>"), "qwen3"),
        (("<start_of_turn>",), "gemma"),
        (("<|start_header_id|>",), "llama3"),
    ],
)
def test_a_chat_format_is_told_by_its_marker(
    tokens: tuple[str, ...], expected: str, folder: Path, tmp_path: Path
) -> None:
    path = write_gguf(tmp_path / "x.gguf", tokens=tokens)
    assert _setup(folder).add(path, "own", Task.GENERATE).chat_format == expected


def test_a_new_name_needs_its_task(folder: Path, tiny: Path) -> None:
    with pytest.raises(CatalogueWrong, match="own is not in the catalogue; say what it is for: --task generate"):
        _setup(folder).add(tiny, "own")


@pytest.mark.parametrize("name", ["../own", "Own", "", "own model", "x" * 65])
def test_a_name_that_could_leave_the_folder_is_refused(name: str, folder: Path, tiny: Path) -> None:
    with pytest.raises(CatalogueWrong, match="cannot name a model"):
        _setup(folder).add(tiny, name, Task.GENERATE)


def test_weights_of_no_known_chat_format_are_refused(folder: Path, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "x.gguf", tokens=("a", "b"))
    with pytest.raises(WeightsCorrupt, match="markers of no chat format known here"):
        _setup(folder).add(path, "own", Task.GENERATE)
    with pytest.raises(WeightsCorrupt, match=r"no token \[SYSTEM_PROMPT\], which chat format mistral of own needs"):
        _setup(folder).add(path, "own", Task.GENERATE, "mistral")
    with pytest.raises(CatalogueWrong, match="no chat format jinja; choose one of chatml"):
        _setup(folder).add(path, "own", Task.GENERATE, "jinja")


def test_an_embedding_model_is_not_taken_to_write(folder: Path, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "x.gguf", "bert")
    with pytest.raises(WeightsCorrupt, match="a bert model embeds texts, tiny is to generate"):
        _setup(folder, waiting_entry()).add(path, "tiny")


def test_what_is_no_gguf_is_not_added(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_text(json.dumps({}))
    with pytest.raises(WeightsCorrupt, match="no whole GGUF file"):
        _setup(folder, waiting_entry()).add(path, "tiny")
    with pytest.raises(SourceFailed, match="is not a file; name the GGUF file to add"):
        _setup(folder, waiting_entry()).add(tmp_path / "absent.gguf", "tiny")
    assert not folder.exists()


def test_another_file_than_the_shipped_hash_names_is_not_added(folder: Path, tiny: Path) -> None:
    shipped = replace(entry_for(b"the named file"), file="tiny-q4.gguf")
    with pytest.raises(WeightsCorrupt, match=rf"sha256 \w+, expected {shipped.sha256}; get the file the catalogue"):
        _setup(folder, shipped).add(tiny, "tiny")
    assert _files(folder) == set()


def test_a_disk_without_room_stops_at_once_because_no_other_source_would_help(folder: Path, stick: Path) -> None:
    entry = replace(entry_for(CONTENT, Hub("https://hub.example/tiny.gguf"), LocalFile()), bytes=10**15)
    (stick / entry.file).write_bytes(CONTENT)
    with pytest.raises(DiskFull, match="make room"):
        _setup(folder, entry).pull(entry)
    assert _files(folder) == set()


def test_a_choice_needs_its_file(folder: Path) -> None:
    setup = _setup(folder, waiting_entry())
    with pytest.raises(WeightsMissing, match="run `huisclos models add FILE tiny`"):
        setup.use("tiny")


def test_every_waiting_entry_of_the_catalogue_takes_a_file_of_its_format(folder: Path, tmp_path: Path) -> None:
    setup = ModelSetup(folder, load_catalogue())
    every_marker = ("<|im_start|>", "[SYSTEM_PROMPT]", "<start_of_turn>", "<|start_header_id|>")
    path = write_gguf(tmp_path / "x.gguf", tokens=every_marker)
    for entry in setup.entries:
        if entry.sha256 is None:
            setup.add(path, entry.name)
            assert setup.status(entry) is Status.PRESENT
            setup.verify(setup.entry(entry.name))


def test_a_server_that_is_imported_whole_has_no_way_to_fetch() -> None:
    code = (
        "import sys, chat.opening, chat.web.serve, chat.web.application, chat.admin.cli\n"
        "print(*sorted({'models.setup', 'models.sources', 'models.wheels', 'models.repack'} & set(sys.modules)))"
    )
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert outcome.stdout.split() == []
