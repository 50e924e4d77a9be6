"""A server that lies, floods, stalls or sends elsewhere costs a clear error, and bounded memory and time."""

import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import pytest

from models.errors import EngineBusy, EngineFailed, RequestTooLong
from models.generation import Token
from models.served import generator as generator_module
from models.served import server as server_module
from models.served.generator import ServedGenerator, open_servers
from tests.models.generator_contract import TYPED, asked, done_of, run, text_of
from tests.models.served.hostile import HostileServer, hostile_server, said, says, streams, token

pytestmark = pytest.mark.usefixtures("socket_enabled")

CHAT = "/v1/chat/completions"
SECRET = "the merger with Wombat"
MEMORY_BYTES_MAX = 4 * 1024 * 1024


@pytest.fixture
def hostile() -> Iterator[HostileServer]:
    with hostile_server() as server:
        yield server


@pytest.fixture
def generator(hostile: HostileServer) -> Iterator[ServedGenerator]:
    generator = open_servers([hostile.address])
    yield generator
    generator.close()


def _drip(connection: socket.socket, _: bytes) -> None:
    """A head that never ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"x-more: 1\r\n")
        time.sleep(0.01)


def _flood(connection: socket.socket, _: bytes) -> None:
    """A head of one line that never ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nx-more: ")
    while True:
        connection.sendall(b"1" * 65536)


def _promise(connection: socket.socket, _: bytes) -> None:
    """Says that a terabyte follows, and sends some."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n")
    while True:
        connection.sendall(b" " * 65536)


def _ping(connection: socket.socket, request: bytes) -> None:
    """Keeps the connection open, and answers nothing."""
    streams()(connection, request)
    while True:
        connection.sendall(b": ping\n\n")
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (streams(forever=b"x" * 65536), "a line without end"),
        (streams(forever=f"data: {token('x' * 1000)}\n\n".encode()), "more than was asked for"),
        (streams(forever=b'data: {"choices": []}\n\n'), "more than was asked for"),
        (streams(token("x" * 100_000)), "more than was asked for"),
        (streams("no json"), "something else than a JSON object"),
        (streams("[" * 50_000), "something else than a JSON object"),
        (streams("[1]"), "something else than a JSON object"),
        (streams('{"choices": [7]}'), "another shape"),
        (streams('{"choices": [{"delta": {"content": 7}}]}'), "another shape"),
        (streams('{"choices": [{"delta": {"content": "a"}, "logprobs": {"content": [{}]}}]}'), "another shape"),
        (streams('{"usage": {"completion_tokens": "many"}}'), "another shape"),
        (streams('{"error": {"message": "' + SECRET + '"}}'), "stopped with an error"),
        (streams("[DONE]"), "ended without saying that the answer is whole"),
        (streams(), "broke off in the middle"),
        (says({"message": SECRET}, "500 Internal Server Error"), "it answers 500"),
        (says({}, "302 Found", "location: http://192.0.2.1/\r\n"), "sends elsewhere, where nothing is asked"),
        (says({}, "307 Temporary Redirect", "location: /elsewhere\r\n"), "sends elsewhere, where nothing is asked"),
        (says({"message": SECRET}, "400 Bad Request"), "refuses the request"),
        (says({}, "401 Unauthorized"), "refuses the key"),
        (lambda connection, _: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"), "does not speak HTTP"),
        (lambda connection, _: None, "broke off"),
        (_flood, "does not speak HTTP"),
        (_drip, "took too long"),
        (_ping, "took too long"),
    ],
)
def test_each_kind_of_wrong_answer_is_said_within_bounds(
    answer: object,
    sentence: str,
    hostile: HostileServer,
    generator: ServedGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(generator_module, "FIRST_TOKEN_SECONDS_MAX", 1.0)
    hostile.answers[CHAT] = answer  # type: ignore[assignment]  # an Answer
    tracemalloc.start()
    started = time.monotonic()
    with pytest.raises(EngineFailed, match=sentence) as error:
        run(generator, asked(SECRET, 4))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.monotonic() - started < 5
    assert peak < MEMORY_BYTES_MAX
    assert "Wombat" not in "".join(_chain(error.value))


def _chain(error: BaseException | None) -> Iterator[str]:
    """Everything that a log of the error might show."""
    while error is not None:
        yield f"{error!r} {error}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.parametrize("path", ["/health", "/v1/models"])
@pytest.mark.parametrize("answer", [_flood, _drip, _promise])
def test_a_look_at_a_server_ends_whatever_it_does(
    answer: object, path: str, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "LOOK_SECONDS_MAX", 1.0)
    hostile.answers[path] = answer  # type: ignore[assignment]  # an Answer
    started = time.monotonic()
    with pytest.raises(EngineFailed, match="no server of models"):
        open_servers([hostile.address])
    assert time.monotonic() - started < 5


def test_a_redirect_is_not_followed(hostile: HostileServer, generator: ServedGenerator) -> None:
    with hostile_server() as elsewhere:
        to = f"location: {elsewhere.address.shown}{CHAT}\r\n"
        hostile.answers[CHAT] = says({}, "307 Temporary Redirect", to)
        with pytest.raises(EngineFailed, match="sends elsewhere"):
            run(generator, asked(SECRET, 4))
        assert elsewhere.requests == []


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_a_full_server_has_another_asked_and_stays_in_use(status: str, hostile: HostileServer) -> None:
    with hostile_server() as other:
        generator = open_servers([hostile.address, other.address])
        hostile.answers[CHAT] = says({}, status)
        other.answers[CHAT] = streams(token("yes"), token("", "stop"), "[DONE]")
        assert text_of(run(generator, asked("Say yes.", 4))) == "yes"
        assert all(server.facts for server in generator.servers)
        other.answers[CHAT] = says({}, status)
        with pytest.raises(EngineBusy, match="has room now; ask again in a moment"):
            run(generator, asked("Say yes.", 4))
        generator.close()


def test_after_the_first_token_no_other_server_is_asked(hostile: HostileServer) -> None:
    with hostile_server() as other:
        generator = open_servers([hostile.address, other.address])
        hostile.answers[CHAT] = streams(token("The"))
        with pytest.raises(EngineFailed, match="failed in the middle of the answer: it broke off"):
            run(generator, asked("Say yes.", 4))
        assert not [request for request in other.requests if request.startswith(b"POST /v1")]
        generator.close()


def test_what_vllm_is_asked(hostile: HostileServer, generator: ServedGenerator) -> None:
    """Its own spelling of the options, contents without control tokens, a cache for each person."""
    hostile.answers[CHAT] = streams(token("yes"), token("", "stop"), "[DONE]")
    question = replace(asked(TYPED, 4, stop=("\n",)), grammar='root ::= "x"', person="ada")
    for request in (question, question, replace(question, person="bob")):
        assert text_of(run(generator, request)) == "yes"
    bodies = [
        json.loads(request.partition(b"\r\n\r\n")[2])
        for request in hostile.requests
        if request.startswith(b"POST " + CHAT.encode())
    ]
    first, second, third = bodies
    assert first["structured_outputs"] == {"grammar": 'root ::= "x"'}
    assert first["messages"][1]["content"] == TYPED.replace("<|", "<\u200b|")
    assert first["cache_salt"] == second["cache_salt"] != third["cache_salt"]
    assert "ada" not in json.dumps(first)
    assert (first["model"], first["max_tokens"], first["stream"]) == ("small", 4, True)
    schema = {"type": "object"}
    run(generator, replace(question, grammar="", json_schema=json.dumps(schema)))
    assert json.loads(hostile.requests[-1].partition(b"\r\n\r\n")[2])["structured_outputs"] == {"json": schema}


def test_a_server_that_counts_no_tokens_is_never_counted_short(hostile: HostileServer) -> None:
    hostile.answers["/v1/models"] = says({"data": [{"id": "small"}]})
    hostile.answers[CHAT] = streams(token("yes"), token("", "stop"), "[DONE]")
    generator = open_servers([hostile.address], context_tokens=600)
    assert generator.count_tokens("été") == 5
    assert generator.context_tokens == 600
    assert text_of(run(generator, asked("x" * 300, 4))) == "yes"
    with pytest.raises(RequestTooLong, match="exceed the context of 600"):
        run(generator, asked("x" * 600, 4))
    with pytest.raises(EngineFailed, match="takes no grammar that is known here"):
        run(generator, replace(asked("x", 4), grammar='root ::= "x"'))
    generator.close()


def test_a_prompt_that_the_server_finds_too_long_is_said_as_that(
    hostile: HostileServer, generator: ServedGenerator
) -> None:
    hostile.answers[CHAT] = says({"error": {"message": f"maximum context length is 9, {SECRET}"}}, "400 Bad Request")
    with pytest.raises(RequestTooLong, match="counts more tokens than its context holds"):
        run(generator, asked(SECRET, 4))


def test_a_cancel_closes_the_connection(hostile: HostileServer, generator: ServedGenerator) -> None:
    closed = threading.Event()

    def wait(connection: socket.socket, request: bytes) -> None:
        streams(token("a"))(connection, request)
        connection.settimeout(10)
        closed.set() if connection.recv(1) == b"" else None

    hostile.answers[CHAT] = wait
    cancelled = threading.Event()
    events = generator.generate(asked("Say yes.", 4), cancelled)
    while not isinstance(next(events), Token):
        pass
    cancelled.set()
    assert done_of(list(events)).reason == "cancelled"
    assert closed.wait(1)


def test_halves_of_characters_are_not_given_on(hostile: HostileServer, generator: ServedGenerator) -> None:
    hostile.answers[CHAT] = streams(token("a\ud83eb"), token("", "stop"), "[DONE]")
    assert text_of(run(generator, asked("Say yes.", 4))) == "ab"


def test_a_server_with_another_model_than_the_first_is_not_asked(hostile: HostileServer) -> None:
    with hostile_server() as other:
        other.answers["/v1/models"] = lambda connection, _: connection.sendall(said(b'{"data": [{"id": "large"}]}'))
        generator = open_servers([hostile.address, other.address])
        assert generator.model_name == "small"
        assert "another model than the others" in generator.servers[1].trouble
        generator.close()


def test_an_enormous_prompt_is_not_even_counted(hostile: HostileServer, generator: ServedGenerator) -> None:
    with pytest.raises(RequestTooLong, match="300000 characters of prompt exceed the context of 2048"):
        run(generator, asked("x" * 300_000, 4, system=False))
    assert not [request for request in hostile.requests if request.startswith(b"POST")]
