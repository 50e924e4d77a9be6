"""The truth on a PostgreSQL server: where it is, who may be reached, and what the server's refusals mean.

The driver is Python through and through, so its connections pass the egress guard like any other (ADR 8). What a server
says is told by its five-character code: its sentences may quote values.
"""

import errno
import ipaddress
import socket
import ssl
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, IntegrityError, InvalidatePoolError

from chat.errors import DatabaseUnusable, SettingsWrong
from chat.hold import WRITE_LOCK, Hold
from chat.settings import Settings
from security.egress import IpAddress, parse_entry
from security.files import read_private

OLDEST_SERVER = 15
CONNECT_SECONDS_MAX = 10
ANSWER_SECONDS_MAX = 600
"""The longest statement: tidying up after a large collection was destroyed."""
LOCK_MILLISECONDS_MAX = 10_000
PASSWORD_BYTES_MAX = 1024
_PORT = 5432
_SESSION = {
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    "default_transaction_isolation": "read committed",
    "idle_session_timeout": "0",
    "lock_timeout": str(LOCK_MILLISECONDS_MAX),
}

_REFUSED = {
    "28P01": "the server refuses the password of {user}; correct the file that setting store.password_file names",
    "28000": "the server refuses {user} from here; add a line for it to the server's pg_hba.conf",
    "3D000": "there is no database {name}; have it made: CREATE DATABASE {name} OWNER {user}",
    "42501": "{user} may not make tables in it; have it owned by them: ALTER DATABASE {name} OWNER TO {user}",
    "53300": "the server has no connection left; raise its max_connections",
    "57P03": "the server is starting up or shutting down; run this again in a moment",
}
_ENDED = frozenset({"57P01", "57P02", "57P03"})
_DISK_FULL = "53100"


@dataclass(frozen=True, slots=True)
class Server:
    """A database on a server, and how it is entered. TCP to `host`, or a Unix socket in the folder `folder`."""

    name: str
    user: str
    host: str
    port: int
    folder: Path | None
    password_file: Path | None
    ca_file: Path | None

    @property
    def is_local(self) -> bool:
        """Whether nothing on a network can listen in."""
        address = _address(self.host)
        return self.folder is not None or self.host == "localhost" or (address is not None and address.is_loopback)

    @property
    def shown(self) -> str:
        """The setting, as messages name it."""
        return f"setting store.database ({self.name} at {self.folder or f'{self.host}:{self.port}'})"


def server_of(settings: Settings) -> Server:
    """The server that the settings name; raises SettingsWrong for what cannot be, or may not be reached."""
    url = _parsed(settings.store.database)
    folder = url.query.get("host")
    server = Server(
        name=url.database or "",
        user=url.username or "",
        host=(url.host or "").strip("[]"),
        port=url.port or _PORT,
        folder=Path(folder) if isinstance(folder, str) else None,
        password_file=settings.store.password_file,
        ca_file=settings.store.ca_file,
    )
    if not server.is_local:
        _check_listed(server, settings.egress.allowed)
    return server


def open_server(server: Server) -> tuple[Engine, Hold]:
    """An engine over the database, which this process alone may use until the hold is released.

    Raises DatabaseUnusable with the remedy, StateInUse where another process has it.
    """
    hold = Hold(lambda: connect(server))
    hold.take()
    engine = create_engine("postgresql+pg8000://", creator=lambda: connect(server), hide_parameters=True)
    event.listen(engine, "connect", lambda connection, _entry: hold.admit(connection))
    event.listen(engine, "checkout", _see_that_it_lives)
    event.listen(engine, "begin", _note_begin)
    event.listen(engine, "before_cursor_execute", _write_alone)
    event.listen(engine, "handle_error", _understand)
    return engine, hold


def connect(server: Server) -> Any:
    """A fresh DBAPI connection, over TLS wherever a network lies between. Raises DatabaseUnusable."""
    import pg8000.dbapi

    password, tls = _password(server), _tls(server)
    try:
        reached = _reached(server)
    except OSError as error:
        raise unusable(server, error) from error
    try:
        connection = pg8000.dbapi.connect(
            server.user,
            host=server.host or None,
            database=server.name,
            password=password,
            sock=reached,
            ssl_context=tls,
            application_name="huisclos",
            startup_params=_SESSION.copy(),
        )
    except Exception as error:  # what is no PostgreSQL server has the driver stumble anywhere
        reached.close()
        raise unusable(server, error) from error
    major = int(connection.parameter_statuses["server_version"].split(".")[0].split(" ")[0])
    if major < OLDEST_SERVER:
        connection.close()
        raise DatabaseUnusable(f"{server.shown}: PostgreSQL {major} is too old; expected {OLDEST_SERVER} or newer")
    return connection


def unusable(server: Server, error: BaseException | None) -> DatabaseUnusable:
    """What a failure to connect or to make the tables means, and what to do."""
    code = sqlstate(error)
    if code:
        told = _REFUSED.get(code, "the server answered with error {code}; look it up in the server's log")
    elif isinstance(error, ssl.SSLError):
        told = "its certificate is not trusted ({reason}); name the authority's file in setting store.ca_file"
    elif "refuses SSL" in str(error):
        told = "the server speaks no TLS, and the password and the data would cross a network; switch its ssl on"
    else:
        told = "no PostgreSQL server answers there ({reason}); start it, or correct the address"
    reason = getattr(error, "verify_message", "") or type(error).__name__
    return DatabaseUnusable(
        f"{server.shown}: {told.format(user=server.user, name=server.name, code=code, reason=reason)}"
    )


def driver_errors() -> tuple[type[Exception], ...]:
    """What the driver raises where a statement, or the connection, fails."""
    import pg8000.dbapi

    return (pg8000.dbapi.Error, OSError, struct.error)


def sqlstate(error: BaseException | None) -> str:
    """The server's code for an error of the driver; empty where it is none of the server's."""
    import pg8000.dbapi

    told = error.args[0] if isinstance(error, pg8000.dbapi.DatabaseError) and error.args else None
    return str(told.get("C", "")) if isinstance(told, dict) else ""


def _parsed(database: str) -> URL:
    expected = "expected postgresql://USER@HOST:PORT/NAME or postgresql://USER@/NAME?host=/run/postgresql"
    try:
        url = make_url(database)
    except (ArgumentError, ValueError) as error:
        raise SettingsWrong(f"setting store.database is no address; {expected}") from error
    if url.password is not None:
        raise SettingsWrong("setting store.database holds a password; put it into a file: store.password_file")
    folder = url.query.get("host", "")
    is_place = folder == "" if url.host else isinstance(folder, str) and folder.startswith("/")
    is_known = url.drivername == "postgresql" and set(url.query) <= {"host"} and is_place
    if not (is_known and url.username and url.database):
        raise SettingsWrong(f"setting store.database is not understood; {expected}")
    return url


def _check_listed(server: Server, allowed: tuple[str, ...]) -> None:
    """Before anything is looked up or sent, and whether or not the process has a guard."""
    address, name = _address(server.host), server.host.rstrip(".").lower()
    listed = [parse_entry(text) for text in allowed]
    if address and any(entry.allows(address, server.port) for entry in listed):
        return
    if not address and any(entry.name == name and entry.port in (None, server.port) for entry in listed):
        return
    shown = f"[{server.host}]" if ":" in server.host else server.host
    raise SettingsWrong(f"{server.shown}: the address is not listed; add {shown}:{server.port} to egress.allowed")


def _address(host: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _password(server: Server) -> str:
    if server.password_file is None:
        return ""
    try:
        return read_private(server.password_file, PASSWORD_BYTES_MAX).decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DatabaseUnusable(
            f"setting store.password_file: {server.password_file} cannot be read; write the password of "
            f"{server.user} into it, mode 0600"
        ) from error


def _reached(server: Server) -> socket.socket:
    """A connected socket; a server that does not answer is waited for no longer than for an answer."""
    if server.folder:
        reached = socket.socket(socket.AF_UNIX)
        try:
            reached.connect(str(server.folder / f".s.PGSQL.{server.port}"))
        except OSError:
            reached.close()
            raise
    else:
        reached = socket.create_connection((server.host, server.port), CONNECT_SECONDS_MAX)
        reached.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    reached.settimeout(ANSWER_SECONDS_MAX)
    return reached


def _tls(server: Server) -> ssl.SSLContext | bool:
    """Certificate and name are checked; without a network between, and no authority named, there is no TLS."""
    if server.is_local and server.ca_file is None:
        return False
    try:
        return ssl.create_default_context(cafile=server.ca_file)
    except OSError as error:
        raise DatabaseUnusable(
            f"setting store.ca_file: {server.ca_file} cannot be read; name a PEM file of certificates"
        ) from error


def _see_that_it_lives(connection: Any, _entry: Any, _proxy: Any) -> None:
    """Have a connection that was cut while nobody used it replaced. The driver tells of some cuts with an OSError."""
    import pg8000.dbapi

    try:
        connection.execute_simple("SELECT 1")
    except (pg8000.dbapi.Error, OSError) as error:
        raise InvalidatePoolError from error


def _note_begin(connection: Connection) -> None:
    connection.info["writes"] = False


def _write_alone(
    connection: Connection, cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool
) -> None:
    """Take the writers' lock with a transaction's first write: what is read after it is still so at commit."""
    is_write = context is not None and (context.isinsert or context.isupdate or context.isdelete)
    if (is_write or statement.endswith("FOR UPDATE")) and not connection.info["writes"]:
        cursor.execute(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")
        connection.info["writes"] = True


def _understand(context: ExceptionContext) -> None:
    """Give the server's codes the meaning that the rest of the house knows; the driver has one error for all."""
    code = sqlstate(context.original_exception)
    if code in _ENDED or isinstance(context.original_exception, OSError):
        context.is_disconnect = True
    elif code == _DISK_FULL:
        raise OSError(errno.ENOSPC, "the database server's disk is full") from context.original_exception
    elif code.startswith("23"):
        found = context.original_exception
        raise IntegrityError(context.statement, None, found, hide_parameters=True) from found
