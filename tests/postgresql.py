"""A real PostgreSQL server for tests: a folder of its own, loopback and a Unix socket, ended by its process id.

The server refuses to run as root: where the tests do, it runs as the user `postgres` of the distribution's package.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pg8000.dbapi
import pytest

from chat.settings import Settings, Store
from tests.e2e.served import free_port

ON_BOTH_DATABASES = pytest.mark.parametrize("store", ["sqlite", "postgresql"], indirect=True)
"""For tests of a contract that SQLite and PostgreSQL keep alike: they run once on each."""

ROLE = "huisclos"
START_SECONDS_MAX = 60
CLUSTER = ("--encoding", "UTF8", "--wal-segsize", "1")
SETTINGS = """
listen_addresses = '127.0.0.1'
fsync = off
full_page_writes = off
synchronous_commit = off
max_connections = 60
max_wal_size = 64MB
min_wal_size = 16MB
"""


class NoServer(Exception):
    """There is no PostgreSQL to run here."""


def programs() -> Path:
    """The folder of the newest server's programs; raises NoServer."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        raise NoServer("no PostgreSQL server here: as root run `apt install postgresql`")
    return found[-1].parent if found else Path(str(on_path)).resolve().parent


@dataclass(slots=True)
class Server:
    """A running server."""

    folder: Path
    port: int
    programs: Path
    account: dict[str, Any]
    password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    process: "subprocess.Popen[Any] | None" = None

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def password_file(self) -> Path:
        """The tests' own copy: the house reads what its user alone may read."""
        return self.folder / "password"

    def make(self) -> None:
        """A fresh cluster whose owner has a password."""
        for_server = self.folder / "initial"
        for path in (self.password_file, for_server):
            path.write_text(self.password + "\n")
            path.chmod(0o600)
        if "user" in self.account:
            shutil.chown(for_server, self.account["user"], self.account["group"])
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", for_server, *CLUSTER)
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(f"{SETTINGS}port = {self.port}\nunix_socket_directories = '{self.folder}'\n")

    def start(self) -> None:
        with self.log.open("ab") as log:
            command = [str(self.programs / "postgres"), "-D", str(self.data)]
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **self.account)
        self.process = process
        until = time.monotonic() + START_SECONDS_MAX
        while True:
            assert process.poll() is None, self.log.read_text()[-2000:]
            assert time.monotonic() < until, "PostgreSQL did not start in time"
            with suppress(pg8000.dbapi.Error, OSError):
                self.connect("postgres").close()
                return
            time.sleep(0.1)

    def stop(self) -> None:
        """End it at once, with its connections."""
        if self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)
            self.process = None

    def run(self, program: str, *arguments: object) -> bytes:
        """What a program of the server's gives, run as the server's user."""
        command = [str(self.programs / program), *map(str, arguments)]
        environment = os.environ | {"PGPASSWORD": self.password}
        outcome: subprocess.CompletedProcess[bytes] = subprocess.run(
            command, capture_output=True, check=False, cwd=self.folder, env=environment, **self.account
        )
        assert outcome.returncode == 0, outcome.stderr.decode()[-2000:]
        return outcome.stdout

    def connect(self, database: str, user: str = "postgres") -> Any:
        made = pg8000.dbapi.connect(
            user, host="127.0.0.1", port=self.port, database=database, password=self.password, ssl_context=False
        )
        made.autocommit = True
        return made

    def tell(self, *statements: str, database: str = "postgres") -> list[Any]:
        """Run statements as the administrator; gives the rows of the last."""
        connection = self.connect(database)
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        rows = list(cursor.fetchall()) if cursor.description else []
        connection.close()
        return rows

    def make_role(self) -> None:
        """The role that owns houses: no administrator."""
        self.tell(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{self.password}'")

    def make_database(self, template: str = "template0") -> str:
        name = f"house_{secrets.token_hex(6)}"
        self.tell(f"CREATE DATABASE {name} OWNER {ROLE} TEMPLATE {template}")
        return name

    def log_all(self, name: str) -> None:
        """Have every statement in this database logged, with its values."""
        self.tell(f"ALTER DATABASE {name} SET log_statement = 'all'")

    def drop_database(self, name: str) -> None:
        self.tell(f"DROP DATABASE {name} WITH (FORCE)")

    def switch_tls_on(self, certificate: Path, key: Path) -> None:
        for path in (certificate, key):
            copy = self.folder / f"tls{path.suffix}"
            shutil.copy(path, copy)
            if "user" in self.account:
                shutil.chown(copy, self.account["user"], self.account["group"])
            setting = {".crt": "ssl_cert_file", ".key": "ssl_key_file"}[path.suffix]
            self.tell(f"ALTER SYSTEM SET {setting} = '{copy}'")
        self._reload("on")

    def switch_tls_off(self) -> None:
        self._reload("off")

    def _reload(self, tls: str) -> None:
        self.tell(f"ALTER SYSTEM SET ssl = '{tls}'", "SELECT pg_reload_conf()")
        until = time.monotonic() + START_SECONDS_MAX
        while self.tell("SHOW ssl") != [[tls]] and self.tell("SHOW ssl") != [(tls,)]:
            assert time.monotonic() < until, "the server did not read its settings again"
            time.sleep(0.05)

    def bytes_of(self, database: str) -> bytes:
        """The files of one database, as they lie on the disk."""
        self.tell("CHECKPOINT")
        ((number,),) = self.tell(f"SELECT oid FROM pg_database WHERE datname = '{database}'")
        return b"".join(path.read_bytes() for path in (self.data / "base" / str(number)).iterdir())

    def store(self, name: str, **other: Any) -> Store:
        """The settings with which a house finds a database here."""
        url = f"postgresql://{ROLE}@127.0.0.1:{self.port}/{name}"
        return Store(**({"database": url, "password_file": self.password_file} | other))

    def settings(self, name: str, **other: Any) -> Settings:
        return Settings(store=self.store(name, **other))


@contextmanager
def running_server() -> Iterator[Server]:
    """A server until the end of the block; raises NoServer where there is none to run."""
    found = programs()
    folder = Path(tempfile.mkdtemp(prefix="huisclos-postgresql-"))
    server = Server(folder, free_port(), found, _account(folder))
    try:
        server.make()
        server.start()
        server.make_role()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _account(folder: Path) -> dict[str, Any]:
    """As whom the server runs: ourselves, unless we are root."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError as error:
        raise NoServer("the user postgres is missing: as root run `apt install postgresql`") from error
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
