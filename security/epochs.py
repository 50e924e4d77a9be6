"""Epochs: counters that only grow, kept outside the database, so that an older copy of it is told from the present.

    epochs = sealed {"epochs": {name: number}} under the system key, context ("epochs", "1", "sealed")

A name is `directory`, `audit`, `collection:ID` or `person:ID`. After each commit the number that the database holds is
written here too (a person's with the next of the others): into a file beside the keyring and, where one is configured,
into an anchor outside the state folder. The database may be ahead by what a crash or a full disk cut short, never
behind. Whoever puts back the database, the file and the anchor together is not seen; without an anchor, whoever puts
back the whole state folder is not.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from security.errors import OlderState, SealBroken
from security.files import read_private, write_private
from security.sealing import Context, DataKey

_CONTEXT = Context("epochs", "1", "sealed")
_BYTES_MAX = 64 * 1024 * 1024
_REMEDY = "restore what is newer, or take over what is there with `huisclos repair --older`"


@dataclass(frozen=True, slots=True)
class EpochFile:
    """One copy. `has_begun` tells whether it was ever written, `begin` notes that it was: outside the file."""

    path: Path
    has_begun: Callable[[], bool]
    begin: Callable[[], None]


class Epochs:
    """The numbers known, the highest of all copies. Safe to use from several threads."""

    def __init__(self, key: Callable[[], DataKey], files: Sequence[EpochFile] = ()) -> None:
        self._key, self._files = key, files
        self._lock = threading.Lock()
        self._read: dict[str, int] | None = None
        self._is_noted = False
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Why the last number could not be written down; empty where it was. The next change tries again."""
        return self._trouble

    def known(self, name: str) -> int:
        """The highest number written down; 0 where there is none. Raises OlderState where a copy is gone or changed."""
        with self._lock:
            return self._numbers().get(name, 0)

    def names(self) -> tuple[str, ...]:
        """Every name with a number."""
        with self._lock:
            return tuple(self._numbers())

    def check(self, name: str, epoch: int) -> None:
        """Raise OlderState where what is there is older than what was written down."""
        if epoch < self.known(name):
            raise OlderState(f"{name} is of epoch {epoch}, but {self.known(name)} was written down: {_REMEDY}")

    def advance(self, name: str, epoch: int) -> None:
        """Write down a number that was committed; a lower one than is known changes nothing.

        What is committed stands: where a copy cannot be written, `trouble` says so.
        """
        with self._lock:
            if epoch > self._numbers().get(name, 0):
                self._write({**self._numbers(), name: epoch})

    def note(self, name: str, epoch: int) -> None:
        """Know a number at once, and write it down with the next that is: for what changes many times a minute.

        A crash before then forgives the changes in between, as it forgives one that was not written down yet.
        """
        with self._lock:
            if epoch > self._numbers().get(name, 0):
                self._numbers()[name] = epoch
                self._is_noted = True

    def write_noted(self) -> None:
        """Write down what was only noted."""
        with self._lock:
            if self._is_noted:
                self._write(self._numbers())

    def forget(self, name: str) -> None:
        """Forget a name whose rows are gone for good."""
        with self._lock:
            if name in self._numbers():
                self._write({known: epoch for known, epoch in self._numbers().items() if known != name})

    def accept(self, epochs: Mapping[str, int]) -> None:
        """Take these numbers for the present ones, whatever was written down. Raises OlderState where that fails."""
        with self._lock:
            self._write(epochs)
        if self._trouble:
            raise OlderState(self._trouble)

    def _numbers(self) -> dict[str, int]:
        if self._read is None:
            copies = [self._open(file) for file in self._files]
            names = {name for copy in copies for name in copy}
            self._read = {name: max(copy.get(name, 0) for copy in copies) for name in names}
        return self._read

    def _open(self, file: EpochFile) -> dict[str, int]:
        try:
            return dict(json.loads(self._key().open(read_private(file.path, _BYTES_MAX), _CONTEXT))["epochs"])
        except OSError as error:
            if file.has_begun() or not isinstance(error, FileNotFoundError):
                raise OlderState(f"{file.path} cannot be read ({error.strerror}): mount it, {_REMEDY}") from error
            return {}
        except SealBroken as error:
            raise OlderState(f"{file.path} was changed or belongs to another house: {_REMEDY}") from error

    def _write(self, epochs: Mapping[str, int]) -> None:
        sealed = self._key().seal(json.dumps({"epochs": dict(epochs)}, sort_keys=True).encode(), _CONTEXT)
        self._read, self._trouble, self._is_noted = dict(epochs), "", False
        for file in self._files:
            try:
                write_private(file.path, sealed)
            except OSError as error:
                self._trouble = f"{file.path} cannot be written ({error.strerror}); free the disk, or mount it"
                continue
            if not file.has_begun():
                file.begin()
