"""The register: rows of people, groups and rights, each read and changed beside the roll that tells of it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection, Engine, insert, update

from security.errors import SealBroken
from security.keyring import Keyring
from security.roll import (
    REMEDY,
    Entries,
    Proved,
    Roll,
    Row,
    Sealed,
    differing,
    proved_rows,
    remove_row,
    sealed_mark,
)

_Found = TypeVar("_Found")


class Register:
    """Reads and changes rows. What the roll does not know raises SealBroken. Safe to use from several threads."""

    def __init__(self, engine: Engine, keyring: Keyring) -> None:
        self._engine = engine
        self._keyring = keyring
        self._roll = Roll(keyring)
        self.change = threading.RLock()  # rows are read, changed and written back, with the roll that tells of them

    def verify(self) -> None:
        """Compare all rows with the roll as they stand now. Raises SealBroken, OlderState.

        Of a house that was written before there was a roll, what stands there is taken over.
        """
        with self.change:
            with self._engine.begin() as connection:
                entries, epoch = self._roll.verified(connection)
                epoch = epoch or self._roll.seal(connection, entries)
            self._roll.keep(entries, epoch)

    def accept(self, remove_forged: Callable[[Connection], None]) -> None:
        """Take what stands there for what the house wrote, after what is proved to be another's is removed."""
        with self.change:
            with self._engine.begin() as connection:
                remove_forged(connection)
                self._roll.remove_forged(connection)
                entries = self._roll.found(connection)
                epoch = self._roll.seal(connection, entries)
            self._roll.keep(entries, epoch)

    def checked(self, look: Callable[[Connection, Entries], _Found]) -> _Found:
        """What is found in the rows beside the roll; looked for again, alone, where a change came in between."""
        try:
            with self._engine.connect() as connection:
                return look(connection, self._roll.entries(connection))
        except SealBroken:
            with self.change, self._engine.connect() as connection:
                return look(connection, self._roll.entries(connection))

    @contextmanager
    def changing(self) -> Iterator[tuple[Connection, Entries]]:
        """A transaction with the entries of the roll to change beside the rows."""
        with self.change:
            with self._engine.begin() as connection:
                entries = self._roll.entries(connection).copy()
                yield connection, entries
                epoch = self._roll.seal(connection, entries)
            self._roll.keep(entries, epoch)

    def put(self, kind: Sealed, identifier: str, name_key: bytes, sealed: bytes) -> None:
        """Write a row with a sealed column, in the place of one of that id. Raises IntegrityError for a taken name."""
        row = {"id": identifier, "name_key": name_key, kind.column: sealed}
        with self.changing() as (connection, entries):
            own = update(kind.table).where(kind.table.c.id == identifier)
            is_there = identifier in entries.sealed[kind]
            connection.execute((own if is_there else insert(kind.table)).values(**row))
            entries.sealed[kind][identifier] = sealed_mark(
                self._keyring.for_system(), kind, identifier, name_key, sealed
            )

    def rows(self, kind: Proved, **wanted: str) -> tuple[Row, ...]:
        """The proved rows where every wanted column is as wanted, sorted."""
        return self.checked(lambda connection, entries: rows_beside(connection, entries, kind, **wanted))

    def write(self, kind: Proved, *rows: Row) -> None:
        """Write proved rows down. Writing one twice is writing it once."""
        with self.changing() as (connection, entries):
            for row in rows:
                if row not in entries.proved[kind]:
                    proof = kind.proof(self._keyring.for_system(), row)
                    cells = dict(zip(kind.names, row, strict=True))
                    connection.execute(insert(kind.table).values(**cells, proof=proof))
                    entries.proved[kind][row] = proof

    def strike_out(self, kind: Proved, is_struck: Callable[[Row], bool]) -> None:
        """Remove the proved rows that are to go."""
        with self.changing() as (connection, entries):
            strike(connection, entries, kind, is_struck)


def strike(connection: Connection, entries: Entries, kind: Proved, is_struck: Callable[[Row], bool]) -> None:
    """Remove the proved rows that are to go, in a change that does more."""
    for row in [row for row in entries.proved[kind] if is_struck(row)]:
        remove_row(connection, kind, row)
        del entries.proved[kind][row]


def rows_beside(connection: Connection, entries: Entries, kind: Proved, **wanted: str) -> tuple[Row, ...]:
    """The proved rows that were wanted, sorted; raises SealBroken where they are not those of the roll."""
    there = dict(proved_rows(connection, kind, **wanted))
    places = {kind.names.index(name): value for name, value in wanted.items()}
    marks = entries.proved[kind].items()
    known = {row: proof for row, proof in marks if all(row[place] == value for place, value in places.items())}
    for bad in differing(there, known):
        raise SealBroken(f"{kind.told(bad)} was not written by the house, or taken out; {REMEDY}")
    return tuple(sorted(there))
