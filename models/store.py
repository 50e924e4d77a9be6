"""The weights on this machine: checked byte by byte at every load. Nothing here fetches or writes (models/setup.py)."""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from models.catalogue import Catalogue, LocalFile, ModelEntry, Task
from models.catalogue_file import load_catalogue
from models.errors import WeightsCorrupt, WeightsMissing
from models.own import read_own


class Status(StrEnum):
    """Whether a file is here."""

    PRESENT = "present"
    MISSING = "missing"


class ModelStore:
    """A folder of weights. Public files: nothing in it is sealed, everything is checked.

    `named` are the entries that the settings name for a task: they go before those that were chosen here.
    """

    def __init__(
        self, folder: Path, catalogue: Catalogue | None = None, named: Mapping[Task, str] = MappingProxyType({})
    ) -> None:
        self.folder, self.named = folder, named
        self._shipped = catalogue or load_catalogue()

    @property
    def catalogue(self) -> Catalogue:
        """What ships with the house, and what was added to this folder."""
        return self._shipped.with_own(read_own(self.folder).entries)

    @property
    def entries(self) -> tuple[ModelEntry, ...]:
        """Everything the catalogue names."""
        return self.catalogue.entries

    def entry(self, name: str) -> ModelEntry:
        """The catalogue's entry of that name."""
        return self.catalogue.entry(name)

    def status(self, entry: ModelEntry) -> Status:
        """Whether the file lies there; `verify` tells whether it is the right one."""
        return Status.PRESENT if (self.folder / entry.file).is_file() else Status.MISSING

    def chosen(self, task: Task) -> ModelEntry:
        """The entry in use for a task."""
        name = self.named.get(task) or read_own(self.folder).used.get(task)
        return self.entry(name) if name else self.catalogue.default(task)

    def in_use(self, task: Task) -> tuple[ModelEntry, ...]:
        """All entries in use for a task: one, but for reading, where each language has its own."""
        if task is Task.READ:
            return tuple(entry for entry in self.entries if entry.task is task and entry.is_default)
        return (self.chosen(task),)

    def tessdata(self) -> Path | None:
        """The folder of what OCR needs, after checking every byte; None where some of it is not here."""
        wanted = self.in_use(Task.READ)
        if any(self.status(entry) is Status.MISSING for entry in wanted):
            return None
        for entry in wanted:
            self.verify(entry)
        return self.folder

    def path(self, entry: ModelEntry) -> Path:
        """The file's path, after checking every byte: called at each load."""
        self.verify(entry)
        return self.folder / entry.file

    def verify(self, entry: ModelEntry) -> None:
        """Raise WeightsMissing or WeightsCorrupt unless the file is the one the catalogue names."""
        path = self.folder / entry.file
        if self.status(entry) is Status.MISSING:
            raise WeightsMissing(f"weights {entry.file} are not in {self.folder}; run {_remedy(entry)}")
        if entry.sha256 is None:
            raise WeightsMissing(
                f"weights {path}: no SHA-256 is recorded; run `huisclos models add {path} {entry.name}`"
            )
        found = sha256_of(path)
        if found != entry.sha256:
            raise WeightsCorrupt(
                f"weights {path}: sha256 {found}, expected {entry.sha256}; delete the file and run {_remedy(entry)}"
            )


def _remedy(entry: ModelEntry) -> str:
    is_fetched = entry.sha256 and any(not isinstance(source, LocalFile) for source in entry.sources)
    return f"`huisclos models {f'pull {entry.name}' if is_fetched else f'add FILE {entry.name}'}`"


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
