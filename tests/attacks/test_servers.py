"""Claim: questions and passages go to the servers that IT listed, over TLS wherever a network lies between, and nowhere
else; what a person types is text there; keys and texts stand in no log and no error."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.errors import SettingsWrong
from chat.servers import open_served
from chat.settings import Egress, Models, Settings
from models.errors import EngineFailed
from security.egress import egress_guard
from security.errors import InsecureState
from tests.models.generator_contract import TYPED, asked, run, text_of
from tests.models.served.hostile import HostileServer, hostile_server, says, streams, token
from tests.rag.sources.servers import made_certificate

pytestmark = pytest.mark.usefixtures("socket_enabled")

CHAT = "/v1/chat/completions"
SECRET = "the merger with Wombat"
KEY = "sk-wombat-4711"


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with hostile_server() as server:
        server.answers[CHAT] = streams(token("yes"), token("", "stop"), "[DONE]")
        yield server


def _settings(*servers: str, allowed: tuple[str, ...] = (), **models: object) -> Settings:
    return Settings(models=Models(servers=servers, **models), egress=Egress(allowed=allowed))


@pytest.mark.parametrize(
    ("server", "allowed", "sentence"),
    [
        ("https://192.0.2.1:8000", (), "not listed; add 192.0.2.1:8000 to egress.allowed"),
        ("https://192.0.2.1:8000", ("192.0.2.1:443",), "not listed; add 192.0.2.1:8000 to egress.allowed"),
        ("https://gpu.example", ("10.0.0.0/8",), "not listed; add gpu.example:443 to egress.allowed"),
        ("https://[2001:db8::1]:8000/", (), r"not listed; add \[2001:db8::1\]:8000 to egress.allowed"),
        ("http://192.0.2.1:8000", ("192.0.2.1",), "would cross a network in clear; give it TLS and https"),
        ("http://localhost.example:8000", ("localhost.example",), "would cross a network in clear"),
        ("ftp://127.0.0.1", (), "is not understood; expected"),
        ("127.0.0.1:8080", (), "is not understood; expected"),
        ("http://me:secret@127.0.0.1", (), "holds a password; write a key into a file: models.server_key_file"),
        ("http://127.0.0.1:99999", (), "is not understood; expected"),
    ],
)
def test_an_address_that_may_not_be_asked_is_refused_and_nothing_is_sent(
    server: str, allowed: tuple[str, ...], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("something was sent"))
    with pytest.raises(SettingsWrong, match=sentence) as error:
        open_served(_settings(server, allowed=allowed))
    assert "secret" not in str(error.value)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a socket that was never connected
def test_behind_the_list_stands_the_guard_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.servers.is_listed", lambda *_: True)
    with (
        egress_guard() as guard,
        pytest.raises(EngineFailed, match=r"was not asked \(EgressDenied\); see egress.allowed"),
    ):
        open_served(_settings("https://192.0.2.1:8000"))
    assert [(attempt.host, attempt.port) for attempt in guard.attempts] == [("192.0.2.1", 8000)]


def test_a_redirect_takes_nothing_elsewhere(server: HostileServer) -> None:
    with hostile_server() as elsewhere:
        to = f"location: {elsewhere.address.shown}{CHAT}\r\n"
        server.answers[CHAT] = says({}, "307 Temporary Redirect", to)
        generator = open_served(_settings(server.address.shown))
        with pytest.raises(EngineFailed, match="sends elsewhere"):
            run(generator, asked(SECRET, 4))
        generator.close()
        assert elsewhere.requests == []


def test_a_certificate_is_checked_and_its_authority_can_be_named(tmp_path: Path) -> None:
    certificate, key = made_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with hostile_server(context) as server:
        server.answers[CHAT] = streams(token("yes"), token("", "stop"), "[DONE]")
        address = f"https://127.0.0.1:{server.address.port}"
        with pytest.raises(EngineFailed, match=r"its certificate is not trusted .*name it in models.server_ca_file"):
            open_served(_settings(address))
        generator = open_served(_settings(address, server_ca_file=certificate))
        assert text_of(run(generator, asked(SECRET, 4))) == "yes"
        generator.close()
        with pytest.raises(EngineFailed, match="its certificate is not trusted"):
            open_served(_settings(f"https://localhost:{server.address.port}", server_ca_file=certificate))
        with pytest.raises(SettingsWrong, match=r"models.server_ca_file: .*server.key cannot be read; name a PEM file"):
            open_served(_settings(address, server_ca_file=key))


def test_a_key_comes_from_a_private_file_and_goes_to_the_server_alone(server: HostileServer, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n")
    path.chmod(0o644)
    with pytest.raises(InsecureState, match="has mode 0644, expected 0600"):
        open_served(_settings(server.address.shown, server_key_file=path))
    path.chmod(0o600)
    generator = open_served(_settings(server.address.shown, server_key_file=path))
    run(generator, asked(SECRET, 4))
    generator.close()
    assert all(f"authorization: bearer {KEY}".encode() in request.lower() for request in server.requests)
    for content in ("", "two\nlines", "cl\u00e9"):
        path.write_text(content)
        with pytest.raises(SettingsWrong, match="holds no key"):
            open_served(_settings(server.address.shown, server_key_file=path))
    with pytest.raises(SettingsWrong, match="cannot be read; write the servers' key into it, mode 0600"):
        open_served(_settings(server.address.shown, server_key_file=tmp_path / "missing"))


def test_a_log_of_everything_holds_neither_key_nor_text(
    server: HostileServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "key"
    path.write_text(KEY)
    path.chmod(0o600)
    with caplog.at_level(0):
        generator = open_served(_settings(server.address.shown, server_key_file=path))
        generator.count_tokens(SECRET)
        run(generator, asked(SECRET, 4))
        server.answers[CHAT] = says({"error": {"message": SECRET}}, "400 Bad Request")
        with pytest.raises(EngineFailed) as error:
            run(generator, asked(SECRET, 4))
        generator.close()
    said = caplog.text + repr(error.value)
    assert KEY not in said
    assert "Wombat" not in said


def test_what_a_person_types_holds_no_control_token_of_any_known_server(server: HostileServer) -> None:
    """Where a server makes the tokens; where it lets us, tests/models/served/test_generator.py looks at them."""
    spelled = (
        TYPED,
        "</s>[INST]",
        "<start_of_turn>model",
        "<|eot_id|>",
        "<\uff5cUser\uff5c>",
        "<<SYS>>",
        "[/SYSTEM_PROMPT]",
        "<think>",
    )
    generator = open_served(_settings(server.address.shown))
    run(generator, asked(" ".join(spelled), 4))
    generator.close()
    sent = server.requests[-1].decode()
    for marker in (
        "<|im_end|>",
        "<|im_start|>",
        "</s>",
        "[INST]",
        "<start_of_turn>",
        "<|eot_id|>",
        "<<SYS>>",
        "<think>",
    ):
        assert marker not in sent
        assert f"{marker[0]}\\u200b{marker[1:]}" in sent or marker == "<<SYS>>"
    assert "[/SYSTEM_PROMPT]" not in sent
    assert "<\\uff5cUser" not in sent
