"""The tables on which files lie for workers, sealed, and what they answer: a schema of its own in the database.

    files    id | tries | file (sealed) | answer (sealed; empty: no worker could)
    workers  id | name | reads (what it reads with) | places | files (done) | seen
    house    reads

All of it is UNLOGGED: the server writes none of it into its log, and loses it in a crash, after which files are read
again. Taken back, they are cleared with TRUNCATE, which leaves no old row versions.
"""

from dataclasses import dataclass
from datetime import datetime

from chat.workers.connection import Connection

SCHEMA = "huisclos_work"
SEEN_SECONDS = 20
"""A worker that was not seen for so long is gone."""

_TABLES = (
    "CREATE SCHEMA IF NOT EXISTS huisclos_work",
    """CREATE UNLOGGED TABLE IF NOT EXISTS huisclos_work.files
        (id text PRIMARY KEY, tries integer NOT NULL DEFAULT 0, file bytea NOT NULL, answer bytea)""",
    """CREATE UNLOGGED TABLE IF NOT EXISTS huisclos_work.workers
        (id text PRIMARY KEY, name text NOT NULL, reads text NOT NULL, places integer NOT NULL,
         files integer NOT NULL, seen timestamptz NOT NULL DEFAULT clock_timestamp())""",
    "CREATE UNLOGGED TABLE IF NOT EXISTS huisclos_work.house (reads text NOT NULL)",
)
_GRANTS = (
    "USAGE ON SCHEMA huisclos_work",
    "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA huisclos_work",
    "USAGE, SELECT ON ALL SEQUENCES IN SCHEMA huisclos_work",
)


@dataclass(frozen=True, slots=True)
class SeenWorker:
    """A worker that lives."""

    name: str
    reads: str
    places: int
    files: int
    seen: datetime


class Desk:
    """Where the house lays files and workers answer. Raises DeskLost."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._run = connection.run

    def make(self) -> None:
        """Make what is missing of the tables."""
        for statement in _TABLES:
            self._run(statement)

    def admit(self, role: str) -> None:
        """Let a role of the server work at these tables, and at no others."""
        quoted = '"' + role.replace('"', '""') + '"'
        for what in _GRANTS:
            self._run(f"GRANT {what} TO {quoted}")

    def open(self, reads: str) -> None:
        """Begin anew: what an earlier process of the house left goes."""
        self._run("TRUNCATE huisclos_work.files, huisclos_work.house")
        self._run("INSERT INTO huisclos_work.house (reads) VALUES (%s)", reads)

    def put(self, identifier: str, sealed: bytes) -> None:
        """Lay a file there."""
        self._run("INSERT INTO huisclos_work.files (id, file) VALUES (%s, %s)", identifier, sealed)

    def answered(self) -> dict[str, bool]:
        """The files that lie there, and whether each has its answer."""
        rows = self._run("SELECT id, answer IS NOT NULL FROM huisclos_work.files")
        return {str(identifier): bool(has_answer) for identifier, has_answer in rows}

    def take_back(self, identifier: str) -> bytes | None:
        """Remove a file and give its answer, if it has one."""
        rows = self._run("DELETE FROM huisclos_work.files WHERE id = %s RETURNING answer", identifier)
        return bytes(rows[0][0]) if rows and rows[0][0] is not None else None

    def clear(self) -> None:
        """Leave no old row of a file, where none lies there."""
        self._run("TRUNCATE huisclos_work.files")

    def take(self, identifier: str) -> tuple[bytes, int] | None:
        """A file for a worker, and how many took it up to now; None where it was taken back."""
        rows = self._run(
            "UPDATE huisclos_work.files SET tries = tries + 1 WHERE id = %s AND answer IS NULL RETURNING file, tries",
            identifier,
        )
        return (bytes(rows[0][0]), int(rows[0][1])) if rows else None

    def answer(self, identifier: str, sealed: bytes) -> None:
        """Lay an answer there, unless the file was taken back."""
        self._run("UPDATE huisclos_work.files SET answer = %s WHERE id = %s", sealed, identifier)

    def sign_in(self, identifier: str, name: str, reads: str, places: int, files: int) -> None:
        """Say that a worker lives."""
        self._run(
            "INSERT INTO huisclos_work.workers (id, name, reads, places, files) VALUES (%s, %s, %s, %s, %s) "
            "ON CONFLICT (id) DO UPDATE SET files = excluded.files, seen = clock_timestamp()",
            *(identifier, name, reads, places, files),
        )

    def sign_out(self, identifier: str) -> None:
        """Say that a worker ends, and forget those that did not say so."""
        self._run(
            "DELETE FROM huisclos_work.workers WHERE id = %s OR seen < clock_timestamp() - interval '1 day'", identifier
        )

    def house_reads(self) -> str | None:
        """What the house that opened the desk last reads with."""
        rows = self._run("SELECT reads FROM huisclos_work.house")
        return str(rows[0][0]) if rows else None

    def workers(self) -> list[SeenWorker]:
        """The workers that live."""
        rows = self._run(
            "SELECT name, reads, places, files, seen FROM huisclos_work.workers "
            "WHERE seen > clock_timestamp() - make_interval(secs => %s) ORDER BY name, id",
            SEEN_SECONDS,
        )
        return [SeenWorker(*row) for row in rows]
