"""A connection to the tables through which workers work."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from chat.errors import DatabaseUnusable, DeskLost
from chat.postgresql import driver_errors, sqlstate

_CODES = {
    "3F000": "no house has made this database ready for workers: run `huisclos worker key` on the server",
    "42P01": "no house has made this database ready for workers: run `huisclos worker key` on the server",
    "42501": "this role may not work here: run `huisclos worker key --role` with its name on the server",
}


class Connection:
    """One connection, for several threads in turn. Raises DeskLost."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        with _understood():
            self._connection = connect()
        self._connection.autocommit = True
        self._turn = threading.Lock()

    def run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a statement with `%s` for values."""
        with self._turn, _understood():
            cursor = self._connection.cursor()
            cursor.execute(statement, values)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def numbered(
        self, statement: str, values: Sequence[object]
    ) -> tuple[list[dict[str, object]], list[tuple[str, str]]]:
        """The rows, by column, of a statement with `$1` for values, and what the server has told this connection."""
        with self._turn, _understood():
            connection = self._connection
            found = (
                connection.execute_unnamed(statement, vals=values) if values else connection.execute_simple(statement)
            )
            names = [str(column["name"]) for column in found.columns or ()]
            rows = [dict(zip(names, row, strict=True)) for row in found.rows or ()]
            told = [(channel, payload) for _process, channel, payload in connection.notifications]
            connection.notifications.clear()
            return rows, told

    def close(self) -> None:
        """End it."""
        with self._turn, suppress(*driver_errors()):  # it was cut
            self._connection.close()


@contextmanager
def _understood() -> Iterator[None]:
    """The driver's errors as ours. The server's own sentence is not shown: it may quote values."""
    try:
        yield
    except DatabaseUnusable as error:
        raise DeskLost(str(error)) from None
    except driver_errors() as error:
        code = sqlstate(error)
        told = _CODES.get(code, "the database went away, or refused with {code}; see that it runs, and its log")
        raise DeskLost(told.format(code=code or type(error).__name__), code) from None
