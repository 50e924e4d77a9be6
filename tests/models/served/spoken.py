"""vLLM's protocol, as documented, spoken by the native llama.cpp server: for the contract on real weights.

Control tokens in a text are read as such when it is counted, as vLLM's tokenizers read them.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from models.served.address import ServerAddress
from tests.models.generator_contract import CONTEXT_TOKENS


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        listed = {"data": [{"id": "small", "max_model_len": CONTEXT_TOKENS, "owned_by": "vllm"}]}
        known: dict[str, Any] = {"/health": {}, "/v1/models": listed}
        self._say(200 if self.path in known else 404, known.get(self.path, {}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/tokenize":
            self._say(200, {"count": self._count(body), "max_model_len": CONTEXT_TOKENS})
        else:
            with suppress(OSError):  # who asked has gone, and so goes what was asked of the other
                self._pass_on(body)

    def _count(self, body: dict[str, Any]) -> int:
        text = body.get("prompt")
        if text is None:
            assert body["add_generation_prompt"]
            text = self._asked("/apply-template", {"messages": body["messages"]})["prompt"]
        return len(self._asked("/tokenize", {"content": text, "parse_special": True})["tokens"])

    def _pass_on(self, body: dict[str, Any]) -> None:
        """The answer's events, with the usage in each that `continuous_usage_stats` asks for."""
        assert body.pop("cache_salt")
        assert body["stream_options"].pop("continuous_usage_stats")
        shape = body.pop("structured_outputs", {})
        body |= {"timings_per_token": True, "cache_prompt": False, "repeat_penalty": body.pop("repetition_penalty")}
        body |= {"grammar": shape["grammar"]} if "grammar" in shape else {}
        body |= {"json_schema": shape["json"]} if "json" in shape else {}
        connection, answer = self._open(self.path, body)
        try:
            self.send_response(answer.status)
            self.send_header("connection", "close")
            self.end_headers()
            for line in answer:
                self.wfile.write(_with_usage(line))
        finally:
            self.close_connection = True
            connection.close()

    def _asked(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        connection, answer = self._open(path, body)
        found: dict[str, Any] = json.loads(answer.read())
        connection.close()
        return found

    def _open(self, path: str, body: dict[str, Any]) -> tuple[HTTPConnection, HTTPResponse]:
        connection = HTTPConnection("127.0.0.1", self.server.native.port)
        connection.request("POST", path, json.dumps(body))
        return connection, connection.getresponse()

    def _say(self, status: int, value: dict[str, Any]) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def _with_usage(line: bytes) -> bytes:
    if not line.startswith(b"data: {"):
        return line
    event = json.loads(line.removeprefix(b"data: "))
    timings = event.pop("timings", None)
    if timings and "usage" not in event:
        event["usage"] = {"completion_tokens": timings["predicted_n"]}
    return b"data: " + json.dumps(event).encode() + b"\n"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, native: ServerAddress) -> None:
        self.native = native
        super().__init__(("127.0.0.1", 0), _Handler)


@contextmanager
def spoken_by(native: ServerAddress) -> Iterator[ServerAddress]:
    """Run it before a native server."""
    with _Server(native) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield ServerAddress("http", "127.0.0.1", server.server_address[1])
        finally:
            server.shutdown()
            thread.join()
