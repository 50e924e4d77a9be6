"""The whole house under attack: a served state folder, people signed in to it, and words that must not be found."""

import queue
import re
import secrets
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import socketio

from chat.admin.gateway import SOCKET, remote
from chat.settings import load_settings
from tests.e2e.served import PASSWORD, House

ANSWER_SECONDS_MAX = 200
TEST_SECONDS_MAX = 900
"""The first test of a run makes the house and asks it, on a machine that may be busy."""
SOURCE = re.compile(r"/sources/(\w+)/(\w+)/passages/(\w+)")


@dataclass(slots=True)
class Canaries:
    """Words that stand nowhere else: all begin with one tag, drawn anew, so that a scan looks for one needle."""

    tag: str = field(default_factory=lambda: "zq" + "".join(secrets.choice("bcdfghjklmnpqrstvwxz") for _ in range(8)))
    kinds: dict[str, str] = field(default_factory=dict)

    def __call__(self, kind: str) -> str:
        """A new word, noted with what it is used for."""
        word = f"{self.tag}{len(self.kinds):02d}{secrets.token_hex(2)}"
        self.kinds[word] = kind
        return word


@dataclass(slots=True)
class Attacked(House):
    """A served house that takes operations on its Unix socket, without a process for each."""

    began: float = field(default_factory=time.time)

    @property
    def memory(self) -> Path:
        return load_settings(self.state, {}).memory_for(self.state)

    def operate(self, operation: str, /, **arguments: Any) -> list[dict[str, Any]]:
        with remote(self.memory / SOCKET) as operate:
            return list(operate(operation, **arguments))

    def load(self, name: str, folder: Path, release: Sequence[str] = ()) -> list[dict[str, Any]]:
        """How each file ended; what was told of the job in between is left out."""
        events = self.operate("collection.load", name=name, path=str(folder), release=list(release))
        return [event for event in events if "job" not in event]

    def add_person(self, name: str, *collections: str) -> None:
        self.operate("user.add", name=name, password=PASSWORD)
        for collection in collections:
            self.operate("collection.grant", name=collection, user=name)

    def add_group(self, name: str, collection: str, *members: str) -> None:
        self.operate("group.add", name=name)
        self.operate("group.join", name=name, users=list(members))
        self.operate("collection.grant", name=collection, group=name)

    def audit_rows(self) -> list[tuple[str, str, str, str]]:
        """Actor, action, object and outcome of every entry, oldest first."""
        import sqlite3

        connection = sqlite3.connect(f"file:{self.state}/truth.db?mode=ro", uri=True)
        try:
            return connection.execute("select actor, action, object_id, outcome from audit order by seq").fetchall()
        finally:
            connection.close()

    @contextmanager
    def signed_in(self, name: str) -> Iterator["Person"]:
        with httpx.Client(base_url=self.address, headers={"origin": self.address}, timeout=60) as client:
            answer = client.post("/sign-in", data={"name": name, "password": PASSWORD})
            assert answer.status_code == 303, answer.text
            person = Person(self, name, client)
            try:
                yield person
            finally:
                person.hang_up()


@dataclass(slots=True)
class Person:
    """Somebody signed in, with their browser's cookie."""

    house: Attacked
    name: str
    client: httpx.Client
    chats: list["Chat"] = field(default_factory=list)

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.client.cookies.items())

    def chat(self, thread_id: str | None = None, session_id: str = "") -> "Chat":
        """The page's socket; resumes a conversation where one is named."""
        chat = Chat(session_id or str(uuid.uuid4()))
        chat.open(self.house.address, self.cookie, thread_id)
        self.chats.append(chat)
        return chat

    def threads(self) -> list[dict[str, Any]]:
        answer = self.client.post("/chat/project/threads", json={"pagination": {"first": 20}, "filter": {}})
        found: list[dict[str, Any]] = answer.json()["data"]
        return found

    def steps(self, thread_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.get(f"/chat/project/thread/{thread_id}").json()["steps"]
        return found

    def hang_up(self) -> None:
        for chat in self.chats:
            chat.close()


class Chat:
    """One socket of the chat page, and everything it was told."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.told: list[tuple[str, Any]] = []
        self._fresh: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._client = socketio.Client(reconnection=False)
        self._client.on("*", self._hear)

    def _hear(self, event: str, *data: Any) -> None:
        heard = (event, data[0] if data else None)
        self.told.append(heard)
        self._fresh.put(heard)

    def open(self, address: str, cookie: str, thread_id: str | None = None) -> None:
        auth = {"sessionId": self.session_id, "clientType": "webapp", "threadId": thread_id, "userEnv": "{}"}
        self._client.connect(
            address,
            headers={"Cookie": cookie, "Accept-Language": "en"},
            auth=auth,
            transports=["websocket"],
            socketio_path="/chat/ws/socket.io",
            wait_timeout=60,
        )
        self.emit("connection_successful")
        self.wait_for("task_end")

    def emit(self, event: str, *data: Any) -> None:
        self._client.emit(event, *(data or (None,)))

    def wait_for(self, wanted: str, kind: str = "") -> Any:
        """Hear until an event comes, of a message of that kind; gives what it said."""
        until = time.monotonic() + ANSWER_SECONDS_MAX
        while True:
            event, data = self._fresh.get(timeout=max(0.01, until - time.monotonic()))
            if event == wanted and (not kind or data["type"] == kind):
                return data

    def settle(self, seconds: float = 1.0) -> None:
        """Hear what else comes until it has been quiet for a while."""
        try:
            while True:
                self._fresh.get(timeout=seconds)
        except queue.Empty:
            pass

    def ask(self, question: str, **message: Any) -> str:
        """Ask, wait for the end, and give the text of what came last."""
        while not self._fresh.empty():
            self._fresh.get_nowait()
        self.emit("client_message", {"message": self.message(question) | message, "fileReferences": []})
        answer = str(self.wait_for("new_message", "assistant_message")["output"])
        self.wait_for("task_end")
        return answer

    def message(self, question: str) -> dict[str, Any]:
        """A question in the form the page sends."""
        now = datetime.now(UTC).isoformat()
        return {"id": str(uuid.uuid4()), "name": "me", "type": "user_message", "output": question, "createdAt": now}

    def choose(self, *collections: str) -> None:
        self.emit("chat_settings_change", {"collections": list(collections)})

    @property
    def heard(self) -> str:
        """Everything that came over the socket, as one text."""
        return repr(self.told)

    def close(self) -> None:
        self._client.disconnect()
