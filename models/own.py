"""What a models folder knows by itself, in `own.toml`: the weights its owner added, and which are in use.

Written by `huisclos models add` and `huisclos models use`. It may be edited by hand, for the licence or the prefixes
of an added model for instance; whoever can write it decides which weights run, as with the folder itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from models.catalogue import ModelEntry, Task
from models.catalogue_file import read_entries, read_toml, toml_value, written_entry
from models.errors import CatalogueWrong

OWN = "own.toml"
_HEAD = "# Written by `huisclos models add` and `huisclos models use`.\n"


@dataclass(frozen=True, slots=True)
class OwnCatalogue:
    """Added entries, and the name in use for each task that is not left at its default."""

    used: Mapping[Task, str] = field(default_factory=dict)
    entries: tuple[ModelEntry, ...] = ()

    def using(self, entry: ModelEntry) -> "OwnCatalogue":
        """This catalogue with another choice for the entry's task."""
        return replace(self, used={**self.used, entry.task: entry.name})

    def adding(self, entry: ModelEntry) -> "OwnCatalogue":
        """This catalogue with the entry, in place of an earlier one of the same name."""
        return replace(self, entries=(*(held for held in self.entries if held.name != entry.name), entry))


def read_own(folder: Path) -> OwnCatalogue:
    """The catalogue of a models folder; an empty one where nothing was added. Raises CatalogueWrong."""
    path = folder / OWN
    if not path.exists():
        return OwnCatalogue()
    tree = read_toml(path)
    for name in tree.keys() - {"use", "model"}:
        raise CatalogueWrong(f"{path}: {name} is not known; remove it")
    return OwnCatalogue(_used(tree.get("use", {}), path), read_entries(tree, path))


def write_own(folder: Path, own: OwnCatalogue) -> None:
    """Replace the catalogue of a models folder, whole or not at all."""
    used = "".join(f"{task.value} = {toml_value(name)}\n" for task, name in own.used.items())
    tables = [f"[use]\n{used}", *(written_entry(entry) for entry in own.entries)]
    partial = folder / f"{OWN}.partial"
    partial.write_text(_HEAD + "\n".join(tables), "utf-8")
    partial.replace(folder / OWN)


def _used(table: object, path: Path) -> dict[Task, str]:
    if not isinstance(table, dict):
        raise CatalogueWrong(f"{path}: use: {table!r}, expected a [use] table; correct the file")
    for task, name in table.items():
        if task not in tuple(Task) or not isinstance(name, str):
            known = ", ".join(Task)
            raise CatalogueWrong(f"{path}: use: {task} = {name!r}, expected a model for one of {known}; correct it")
    return {Task(task): name for task, name in table.items()}
