"""A PostgreSQL server as the place of the truth: what is refused, and in which words; one house a database."""

import datetime
import gc
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import select, text

from chat.assembly import House
from chat.database import held_database
from chat.errors import DatabaseUnusable, SettingsWrong, StateInUse
from chat.opening import initialise, open_house
from chat.postgresql import connect, server_of
from chat.settings import Egress, Settings, Store
from rag.errors import StoreFull
from security.access import Right
from security.egress import egress_guard
from security.errors import AuditBroken, EgressDenied, InsecureState
from security.identity import OPERATOR
from tests.e2e.served import free_port
from tests.postgresql import ROLE, Server, running_server

SECRET = "hunter2-of-the-database"


def said(settings: Settings) -> str:
    """The refusal, when the database of these settings is entered."""
    with pytest.raises(DatabaseUnusable) as caught, held_database(server_of(settings)):
        pass
    return str(caught.value)


@pytest.fixture
def name(postgresql: Server, migrated: str) -> Iterator[str]:
    made = postgresql.make_database(migrated)
    yield made
    postgresql.drop_database(made)


@pytest.fixture
def quick_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.hold.WAIT_SECONDS_MAX", 0.2)


@pytest.fixture
def abandoned() -> Iterator[None]:
    """For tests that cut connections: the driver leaves a dead one's socket to the collector, which says so."""
    yield
    gc.collect()


CUTS = (
    pytest.mark.usefixtures("abandoned", "quick_refusal"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed:ResourceWarning"),
)


def cuts(test: Callable[..., None]) -> Callable[..., None]:
    for mark in CUTS:
        test = mark(test)
    return test


# The setting


@pytest.mark.parametrize(
    "database",
    [
        "nonsense",
        "sqlite:///truth.db",
        "mysql://u@127.0.0.1/x",
        "postgresql+psycopg://u@127.0.0.1/x",
        "postgresql://127.0.0.1/x",
        "postgresql://u@127.0.0.1",
        "postgresql://u@/x",
        "postgresql://u@127.0.0.1/x?host=/run/postgresql",
        "postgresql://u@127.0.0.1/x?sslmode=disable",
        "postgresql://u@/x?host=relative",
    ],
)
def test_an_address_that_is_not_understood_is_told_with_the_expected_form(database: str) -> None:
    with pytest.raises(SettingsWrong, match=r"setting store\.database.*expected postgresql://USER@HOST:PORT/NAME"):
        server_of(Settings(store=Store(database=database)))


def test_a_password_in_the_setting_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsWrong, match=r"store\.password_file") as caught:
        server_of(Settings(store=Store(database=f"postgresql://u:{SECRET}@127.0.0.1/x")))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("host", ["10.1.2.3", "db.example", "[2001:db8::1]"])
def test_an_address_that_is_not_listed_is_not_reached(host: str) -> None:
    store = Store(database=f"postgresql://u@{host}:5433/x")
    with pytest.raises(SettingsWrong) as caught:
        server_of(Settings(store=store))
    assert f"add {host}:5433 to egress.allowed" in str(caught.value)
    with pytest.raises(SettingsWrong):
        server_of(Settings(store=store, egress=Egress(allowed=(f"{host}:5432",))))


@pytest.mark.parametrize("host", ["10.1.2.3", "0.0.0.0"])
def test_what_lies_behind_a_network_is_entered_over_tls_alone(host: str) -> None:
    store = Store(database=f"postgresql://u@{host}/x")
    assert not server_of(Settings(store=store, egress=Egress(allowed=(host,)))).is_local


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "127.1.2.3"])
def test_loopback_needs_no_listing(host: str) -> None:
    assert server_of(Settings(store=Store(database=f"postgresql://u@{host}/x"))).is_local


@cuts
def test_the_egress_guard_sees_the_driver() -> None:
    """Listed in the settings, but the guard of the process was armed without: nothing gets around it."""
    settings = Settings(store=Store(database="postgresql://u@10.1.2.3/x"), egress=Egress(allowed=("10.1.2.3",)))
    server = server_of(settings)
    with egress_guard() as guard, pytest.raises(EgressDenied):
        connect(server)
    assert [attempt.host for attempt in guard.attempts] == ["10.1.2.3"]


# Entering


def test_the_truth_is_entered_over_tcp_and_over_a_unix_socket(postgresql: Server, name: str) -> None:
    by_socket = f"postgresql://{ROLE}@:{postgresql.port}/{name}?host={postgresql.folder}"
    for store in (postgresql.store(name), postgresql.store(name, database=by_socket)):
        with held_database(server_of(Settings(store=store))) as engine, engine.connect() as connection:
            assert connection.execute(text("select current_user")).scalar_one() == ROLE


def test_no_server_there_is_told() -> None:
    store = Store(database=f"postgresql://u@127.0.0.1:{free_port()}/x")
    assert "no PostgreSQL server answers there" in said(Settings(store=store))


@cuts
def test_what_is_no_postgresql_server_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        store = Store(database=f"postgresql://u@127.0.0.1:{listener.getsockname()[1]}/x")
        assert "no PostgreSQL server answers there" in said(Settings(store=store))
        thread.join()


def test_a_wrong_password_is_told_and_not_repeated(postgresql: Server, name: str, tmp_path: Path) -> None:
    wrong = tmp_path / "password"
    wrong.write_text(SECRET)
    wrong.chmod(0o600)
    told = said(postgresql.settings(name, password_file=wrong))
    assert "refuses the password of huisclos; correct the file that setting store.password_file names" in told
    assert SECRET not in told
    assert "refuses the password" in said(postgresql.settings(name, password_file=None))


def test_a_password_that_others_may_read_is_refused(postgresql: Server, name: str, tmp_path: Path) -> None:
    open_to_all = tmp_path / "password"
    open_to_all.write_text(SECRET)
    open_to_all.chmod(0o644)
    with pytest.raises(InsecureState, match="0600"):
        connect(server_of(postgresql.settings(name, password_file=open_to_all)))
    assert "cannot be read" in said(postgresql.settings(name, password_file=tmp_path / "absent"))


def test_a_missing_database_is_told_with_how_it_is_made(postgresql: Server) -> None:
    assert "CREATE DATABASE not_there OWNER huisclos" in said(postgresql.settings("not_there"))


def test_no_right_to_make_tables_is_told_with_the_remedy(postgresql: Server) -> None:
    name = postgresql.make_database()
    postgresql.tell(f"ALTER DATABASE {name} OWNER TO postgres")
    assert f"ALTER DATABASE {name} OWNER TO huisclos" in said(postgresql.settings(name))
    postgresql.drop_database(name)


def test_a_server_that_is_too_old_is_told(postgresql: Server, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.postgresql.OLDEST_SERVER", 99)
    assert "is too old; expected 99 or newer" in said(postgresql.settings(name))


# TLS


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that signs itself, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    place = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = made.add_extension(place, critical=False).sign(key, hashes.SHA256())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    paths = folder / f"{name}.crt", folder / f"{name}.key"
    for path, content in zip(paths, (signed.public_bytes(serialization.Encoding.PEM), pem), strict=True):
        path.write_bytes(content)
        path.chmod(0o600)
    return paths


def test_with_an_authority_named_the_server_must_prove_itself(postgresql: Server, name: str, tmp_path: Path) -> None:
    ours, key = certificate(tmp_path, "ours")
    other, _ = certificate(tmp_path, "other")
    assert "the server speaks no TLS" in said(postgresql.settings(name, ca_file=ours))
    postgresql.switch_tls_on(ours, key)
    try:
        with held_database(server_of(postgresql.settings(name, ca_file=ours))) as engine, engine.connect() as opened:
            query = "select ssl, version from pg_stat_ssl where pid = pg_backend_pid()"
            assert opened.execute(text(query)).one() == (True, "TLSv1.3")
        assert "its certificate is not trusted" in said(postgresql.settings(name, ca_file=other))
        named = postgresql.store(name).database.replace("127.0.0.1", "localhost")
        told = said(postgresql.settings(name, ca_file=ours, database=named))
        assert "its certificate is not trusted (Hostname mismatch" in told
    finally:
        postgresql.switch_tls_off()
    assert "setting store.ca_file" in said(postgresql.settings(name, ca_file=tmp_path / "absent"))


# One house a database


@pytest.mark.usefixtures("quick_refusal")
def test_a_second_house_on_the_same_database_is_refused_until_the_first_closes(postgresql: Server, name: str) -> None:
    server = server_of(postgresql.settings(name))
    with held_database(server), pytest.raises(StateInUse, match="in use by another process"), held_database(server):
        pass
    with held_database(server):
        pass


def end_connections(postgresql: Server, name: str, condition: str = "true") -> None:
    postgresql.tell(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND {condition}")


@cuts
def test_a_house_whose_connections_were_all_cut_goes_on_unless_another_came(postgresql: Server, name: str) -> None:
    server = server_of(postgresql.settings(name))
    query = select(text("1"))
    with held_database(server) as engine:
        with engine.connect() as connection:
            connection.execute(query)
        end_connections(postgresql, name)
        with engine.connect() as connection:
            assert connection.execute(query).scalar_one() == 1
        with pytest.raises(StateInUse), held_database(server):
            pass
        end_connections(postgresql, name)
        with held_database(server), pytest.raises(StateInUse), engine.connect() as connection:
            connection.execute(query)


@cuts
def test_while_any_connection_of_a_house_lives_no_other_house_opens(postgresql: Server, name: str) -> None:
    server = server_of(postgresql.settings(name))
    with held_database(server) as engine, engine.connect() as connection:
        ours = connection.execute(text("select pg_backend_pid()")).scalar_one()
        connection.rollback()
        end_connections(postgresql, name, f"pid <> {ours}")
        with pytest.raises(StateInUse), held_database(server):
            pass
        assert connection.execute(text("select 1")).scalar_one() == 1


@cuts
def test_a_house_that_lost_a_connection_opens_others_beside_those_that_live(postgresql: Server, name: str) -> None:
    with held_database(server_of(postgresql.settings(name))) as engine, engine.connect() as connection:
        ours = connection.execute(text("select pg_backend_pid()")).scalar_one()
        connection.rollback()
        end_connections(postgresql, name, f"pid <> {ours}")
        with engine.connect() as another:
            assert another.execute(text("select pg_backend_pid()")).scalar_one() != ours


@cuts
def test_a_house_goes_on_after_the_server_was_restarted(tmp_path: Path) -> None:
    with running_server() as server:
        name = server.make_database()
        with held_database(server_of(server.settings(name))) as engine:
            server.stop()
            with pytest.raises(DatabaseUnusable, match="no PostgreSQL server answers"), engine.connect():
                pass
            server.start()
            with engine.connect() as connection:
                assert connection.execute(text("select 1")).scalar_one() == 1


# A house on it


@pytest.fixture
def house(process_as_it_was: None, postgresql: Server, name: str, tmp_path: Path) -> Iterator[House]:
    settings = postgresql.settings(name)
    initialise(tmp_path / "state", settings)
    with open_house(tmp_path / "state", settings) as opened:
        yield opened


def test_a_full_disk_of_the_server_is_told_like_one_here(house: House, postgresql: Server, name: str) -> None:
    """The server says so with the code that it has for it, from within a statement."""
    identifier = house.collections.create("shelf")
    grant = house.policy.for_indexing(identifier)
    assert house.documents.counts(grant.collection_id) == (0, 0)
    postgresql.tell(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left' USING ERRCODE = '53100'; END $$",
        "CREATE TRIGGER full_disk BEFORE UPDATE ON collections FOR EACH ROW EXECUTE FUNCTION full_disk()",
        "CREATE TRIGGER full_disk BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION full_disk()",
        database=name,
    )
    house.directory.give(OPERATOR.user_id, identifier, Right.MANAGE)
    with pytest.raises(StoreFull, match="free space"):
        house.documents.forget(house.policy.grant(OPERATOR, identifier, Right.MANAGE), [])
    with pytest.raises(AuditBroken, match="cannot be written"):
        house.audit.record(OPERATOR.user_id, "search", "x", "done")


def begun(state: Path, settings: Settings) -> None:
    """A house of which something is recorded, closed again."""
    initialise(state, settings)
    with open_house(state, settings) as house:
        house.collections.create("shelf")
        house.audit.record(OPERATOR.user_id, "start", "", "done")


@pytest.mark.usefixtures("process_as_it_was")
def test_a_new_house_does_not_take_over_the_database_of_another(postgresql: Server, name: str, tmp_path: Path) -> None:
    begun(tmp_path / "first", postgresql.settings(name))
    with pytest.raises(DatabaseUnusable, match="whose keyring is not in this state folder"):
        initialise(tmp_path / "second", postgresql.settings(name))
    assert not (tmp_path / "second" / "keys").exists()


@pytest.mark.usefixtures("process_as_it_was")
def test_a_database_of_another_house_or_an_emptied_one_is_told_at_the_start(
    postgresql: Server, migrated: str, name: str, tmp_path: Path
) -> None:
    other, empty = postgresql.make_database(migrated), postgresql.make_database(migrated)
    begun(tmp_path / "first", postgresql.settings(name))
    begun(tmp_path / "second", postgresql.settings(other))
    for wrong in (name, empty):
        refused = pytest.raises(DatabaseUnusable, match="nothing in the database opens with the keyring")
        with refused, open_house(tmp_path / "second", postgresql.settings(wrong)):
            pass
    with open_house(tmp_path / "second", postgresql.settings(other)) as again:
        assert again.audit.last() == 1


@pytest.mark.usefixtures("process_as_it_was")
def test_a_record_that_was_changed_does_not_keep_a_house_shut(postgresql: Server, name: str, tmp_path: Path) -> None:
    begun(tmp_path / "state", postgresql.settings(name))
    postgresql.tell("UPDATE audit_head SET sealed = '\\x00'", database=name)
    with open_house(tmp_path / "state", postgresql.settings(name)) as house:
        assert house.audit.verify().broken_at is not None


def test_threads_that_give_the_same_right_at_once_all_succeed(house: House) -> None:
    """Under READ COMMITTED alone, two that strike out and insert the same row collide."""
    identifier, failed = house.collections.create("shelf"), []
    together = threading.Barrier(8)

    def give() -> None:
        together.wait()
        try:
            for _ in range(20):
                house.directory.give(OPERATOR.user_id, identifier, Right.READ)
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=give) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert house.directory.rights(OPERATOR.user_id, identifier) == {Right.READ}
