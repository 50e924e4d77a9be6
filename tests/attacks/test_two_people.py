"""Claim: who has no grant gets neither answer, passage, title nor "exists"; who has one gets the answer."""

import json
import re
import secrets
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import socketio.exceptions

from chat.admin.outcomes import RemoteFailure
from tests.attacks.planted import Planted
from tests.attacks.whole import SOURCE, TEST_SECONDS_MAX, Attacked, Canaries, Chat, Person

pytestmark = [pytest.mark.model, pytest.mark.timeout(TEST_SECONDS_MAX)]
REFUSED = "No collection is open to you. Ask your IT team for access."
ENDED = "Your session has ended. Reload the page to sign in again."
ALONE = {"accept": "application/json", "connection": "close"}
CHANGED = ("POST", "PUT", "DELETE", "PATCH")
TIMED = 200
HOUSE_ROUTES = Path(__file__).with_name("print_routes.py")


@dataclass(frozen=True, slots=True)
class Ids:
    """Every id that a request can name."""

    collection_id: str
    document_id: str
    passage_id: str
    thread_id: str
    step_id: str
    feedback_id: str
    session_id: str
    element_id: str = ""

    def in_path(self, path: str) -> str:
        """The path with ids where it takes them; 1 for a page, the conversation for anything else."""
        known = {"collection_id": self.collection_id, "document_id": self.document_id, "passage_id": self.passage_id}
        known |= {"thread_id": self.thread_id, "element_id": self.element_id or self.step_id, "page": "1"}
        known |= {"step_id": self.step_id}
        return re.sub(r"\{(\w+)(?::\w+)?\}", lambda hole: known.get(hole[1], self.thread_id), path)

    @property
    def body(self) -> dict[str, Any]:
        """One body with everything that any route reads from one."""
        feedback = {"forId": self.step_id, "value": 0, "comment": "mine", "threadId": self.thread_id}
        element = {"id": self.step_id, "threadId": self.thread_id, "forId": self.step_id, "type": "custom"}
        return {
            "threadId": self.thread_id,
            "name": "taken over",
            "feedback": feedback,
            "feedbackId": self.feedback_id,
            "sessionId": self.session_id,
            "isShared": True,
            "element": element,
            "action": {"name": "x", "payload": {}, "label": "", "id": self.step_id, "forId": self.step_id},
            "pagination": {"first": 50, "cursor": self.thread_id},
            "filter": {"userId": self.collection_id, "search": ""},
        }


def nowhere() -> Ids:
    """Ids of the same shapes that nothing has."""
    collection, document, passage, feedback = (secrets.token_hex(16) for _ in range(4))
    thread, step, session = (str(uuid.uuid4()) for _ in range(3))
    return Ids(collection, document, passage, thread, step, feedback, session)


@dataclass(frozen=True, slots=True)
class Hers:
    """Ada with the answer she got, and the ids of everything it touched."""

    ada: Person
    chat: Chat
    answer: str
    ids: Ids


@pytest.fixture(scope="module")
def hers(house: Attacked, planted: Planted) -> Iterator[Hers]:
    with house.signed_in(planted.ada) as ada:
        chat = ada.chat()
        answer = chat.ask(planted.question)
        chat.settle()
        thread = ada.threads()[0]["id"]
        step = next(step["id"] for step in ada.steps(thread) if step["type"] == "assistant_message")
        feedback = {"forId": step, "value": 1, "comment": "a kept comment"}
        rated = ada.client.put("/chat/feedback", json={"feedback": feedback, "sessionId": chat.session_id})
        found = SOURCE.search(answer)
        assert found, answer
        ids = Ids(found[1], found[2], found[3], thread, step, rated.json()["feedbackId"], chat.session_id)
        yield Hers(ada, chat, answer, ids)


@pytest.fixture
def bob(house: Attacked, planted: Planted) -> Iterator[Person]:
    with house.signed_in(planted.bob) as person:
        yield person


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Every path the application serves, from its own route tables."""
    state = tmp_path_factory.mktemp("routes") / "state"
    found = subprocess.run([sys.executable, HOUSE_ROUTES, state], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr[-2000:]
    paths: list[str] = json.loads(found.stdout.splitlines()[-1])
    return paths


def test_the_right_person_gets_the_answer_its_passage_and_its_original(hers: Hers, planted: Planted) -> None:
    assert planted.amount in hers.answer
    source = f"/sources/{hers.ids.collection_id}/{hers.ids.document_id}"
    page = hers.ada.client.get(f"{source}/passages/{hers.ids.passage_id}")
    assert page.status_code == 200
    assert f"{planted.topic} allowance is {planted.amount} euros" in page.text
    assert f"{planted.amount} euros".encode() in hers.ada.client.get(f"{source}/original").content


@pytest.mark.parametrize("place", ["1-" + "9" * 5000, "9" * 5000, "٣-٤", "-", "2-1", "<b>-</b>"])
def test_a_place_that_is_none_quotes_nothing(hers: Hers, place: str) -> None:
    source = f"/sources/{hers.ids.collection_id}/{hers.ids.document_id}/passages/{hers.ids.passage_id}"
    page = hers.ada.client.get(source, params={"quote": place})
    assert page.status_code == 200
    assert "<b>" not in page.text


def test_no_route_tells_somebody_else_anything_or_does_anything(
    hers: Hers, bob: Person, routes: list[str], canaries: Canaries, planted: Planted
) -> None:
    """Each route is tried with the other's ids and with ids that nothing has: the answers must be the same."""
    assert len(routes) > 40
    assert "/sources/{collection_id}/{document_id}/passages/{passage_id}" in routes
    none = nowhere()
    kept = hers.ada.steps(hers.ids.thread_id)
    for path in routes:
        for method in ("GET", *CHANGED):
            if path.endswith("/logout"):
                continue  # signs out whoever asks
            told = [_tell(bob, method, path, ids) for ids in (hers.ids, none)]
            assert told[0] == told[1], (method, path)
            assert canaries.tag not in told[0][1].replace(planted.bob, ""), (method, path)
    assert hers.ada.steps(hers.ids.thread_id) == kept
    assert hers.ada.threads()[0]["name"] != "taken over"


def _tell(person: Person, method: str, path: str, ids: Ids) -> tuple[int, str]:
    """Status and text, with the ids asked for taken out."""
    body = ids.body if method in CHANGED else None
    answer = person.client.request(method, ids.in_path(path), json=body, headers=ALONE)
    text = answer.text
    for value in (ids.collection_id, ids.document_id, ids.passage_id, ids.thread_id, ids.step_id, ids.feedback_id):
        text = text.replace(value, "")
    return answer.status_code, text.replace(ids.session_id, "")


def test_what_is_not_granted_is_told_as_what_is_not_there_and_takes_as_long(
    house: Attacked, hers: Hers, bob: Person, planted: Planted
) -> None:
    """Another's document, a missing one of a granted collection, and one of no collection.

    Asked in turns, another's and none are the slower one about as often. The fastest of each would hide what reading
    and unsealing before the refusal adds: some milliseconds of noise are more.
    """
    canteen = next(row["id"] for row in house.operate("collection.list") if row["name"] == planted.canteen)
    ids, none = hers.ids, nowhere()
    paths = [
        f"/sources/{collection}/{document}/passages/{ids.passage_id}"
        for collection, document in (
            (ids.collection_id, ids.document_id),
            (canteen, none.document_id),
            (none.collection_id, none.document_id),
        )
    ]
    told = {bob.client.get(path).text for path in paths}
    assert len(told) == 1
    other, _, missing = paths
    slower = 0
    for turn in range(TIMED):
        first, second = (other, missing) if turn % 2 else (missing, other)
        seconds = {first: _seconds(bob, first), second: _seconds(bob, second)}
        slower += seconds[other] > seconds[missing]
    assert 0.3 < slower / TIMED < 0.7


def _seconds(person: Person, path: str) -> float:
    before = time.perf_counter()
    assert person.client.get(path).status_code == 404
    return time.perf_counter() - before


@pytest.mark.parametrize("method", ["feedback", "unrate", "rename", "delete", "share"])
def test_a_conversation_of_somebody_else_is_not_rated_renamed_deleted_or_shared(
    hers: Hers, bob: Person, method: str
) -> None:
    kept, body = hers.ada.steps(hers.ids.thread_id), hers.ids.body
    ways = {
        "feedback": ("PUT", "/chat/feedback"),
        "unrate": ("DELETE", "/chat/feedback"),
        "rename": ("PUT", "/chat/project/thread"),
        "delete": ("DELETE", "/chat/project/thread"),
        "share": ("PUT", "/chat/project/thread/share"),
    }
    answer = bob.client.request(*ways[method], json=body)
    assert answer.status_code in (401, 404, 500)
    assert hers.ada.steps(hers.ids.thread_id) == kept
    assert kept[-1]["feedback"]["comment"] == "a kept comment"


def test_the_owner_may_do_what_the_other_may_not(hers: Hers) -> None:
    renamed = hers.ada.client.put("/chat/project/thread", json={"threadId": hers.ids.thread_id, "name": "renamed"})
    assert renamed.status_code == 200
    assert hers.ada.threads()[0]["name"] == "renamed"


def test_the_socket_resumes_no_conversation_of_somebody_else(
    hers: Hers, bob: Person, canaries: Canaries, planted: Planted
) -> None:
    heard = []
    for thread in (hers.ids.thread_id, str(uuid.uuid4())):
        chat = bob.chat(thread)
        chat.settle()
        heard.append([event for event, _ in chat.told])
        assert canaries.tag not in chat.heard
        assert planted.amount not in chat.heard
    assert heard[0] == heard[1]


def test_a_question_put_into_somebody_elses_conversation_stays_out_of_it(hers: Hers, bob: Person) -> None:
    kept = hers.ada.steps(hers.ids.thread_id)
    chat = bob.chat(hers.ids.thread_id)
    chat.ask("xylophone quasar?", threadId=hers.ids.thread_id, parentId=hers.ids.step_id)
    chat.settle()
    assert hers.ada.steps(hers.ids.thread_id) == kept


def test_the_socket_session_of_somebody_else_is_not_taken_over(hers: Hers, bob: Person) -> None:
    with pytest.raises(socketio.exceptions.ConnectionError):
        bob.chat(session_id=hers.ids.session_id)


def test_who_knows_the_id_of_somebody_elses_open_socket_neither_reads_nor_writes_it(hers: Hers, bob: Person) -> None:
    path = "/chat/ws/socket.io/?EIO=4&transport=polling"
    opened = json.loads(hers.ada.client.get(path).text[1:])
    alien = f"{path}&sid={opened['sid']}"
    assert bob.client.get(alien).status_code == 404
    assert bob.client.post(alien, content="41").status_code == 404
    assert hers.ada.client.post(alien, content="40").text == "OK"


def test_naming_a_collection_in_the_socket_does_not_open_it(
    hers: Hers, bob: Person, planted: Planted, canaries: Canaries
) -> None:
    """By name, by id, and one that is not there: one sentence."""
    chat, told = bob.chat(), []
    for collection in (planted.archive, hers.ids.collection_id, "no-such-collection"):
        chat.choose(collection)
        told.append(chat.ask(planted.question))
    assert told == [REFUSED] * 3
    heard = chat.heard.replace(planted.bob, "").replace(planted.topic, "")
    assert canaries.tag not in heard.replace(planted.archive, "").replace(planted.canteen, "")


def test_asking_everything_asks_only_what_is_granted(bob: Person, planted: Planted) -> None:
    answer = bob.chat().ask(planted.question)
    assert planted.amount not in answer
    assert planted.archive not in answer


@pytest.mark.parametrize("name", ["ask", "search"])
def test_the_operators_socket_tells_a_person_without_a_grant_nothing(
    house: Attacked, planted: Planted, name: str
) -> None:
    told = []
    for collection in (planted.archive, "no-such-collection"):
        with pytest.raises(RemoteFailure) as caught:
            house.operate(name, collection=collection, question=planted.question, user=planted.bob)
        told.append((caught.value.failure.code, caught.value.failure.message))
    assert told[0] == told[1]
    assert planted.archive not in told[0][1]


def test_the_command_line_tells_a_person_without_a_grant_nothing(house: Attacked, planted: Planted) -> None:
    told = [
        house.run("ask", "-c", collection, "--as", planted.bob, planted.question, code=3)
        for collection in (planted.archive, "no-such-collection")
    ]
    assert told[0] == told[1]


def test_the_operators_socket_opens_for_its_owner_alone(house: Attacked) -> None:
    assert (house.memory / "admin.sock").stat().st_mode & 0o777 == 0o600
    assert house.memory.stat().st_mode & 0o777 == 0o700


def test_a_revoked_grant_is_felt_at_the_next_question_on_an_open_socket(house: Attacked, planted: Planted) -> None:
    house.add_person("carol", planted.archive)
    with house.signed_in("carol") as carol:
        chat = carol.chat()
        chat.choose(planted.archive)
        assert "xylophone" not in chat.ask("xylophone?")
        house.operate("collection.revoke", name=planted.archive, user="carol")
        assert chat.ask(planted.question) == REFUSED


@pytest.mark.parametrize("act", ["group.leave", "group.remove", "collection.revoke"])
def test_a_group_that_reads_no_more_or_was_left_is_felt_at_the_next_question_on_an_open_socket(
    house: Attacked, planted: Planted, act: str
) -> None:
    name = f"frank-{act}"
    house.add_person(name)
    house.add_group(f"readers-{act}", planted.archive, name)
    arguments: dict[str, dict[str, object]] = {
        "group.leave": {"name": f"readers-{act}", "users": [name]},
        "group.remove": {"name": f"readers-{act}"},
        "collection.revoke": {"name": planted.archive, "group": f"readers-{act}"},
    }
    with house.signed_in(name) as frank:
        chat = frank.chat()
        chat.choose(planted.archive)
        assert "xylophone" not in chat.ask("xylophone?")
        house.operate(act, **arguments[act])
        assert chat.ask(planted.question) == REFUSED


def test_a_disabled_person_is_out_at_once_on_an_open_socket_too(house: Attacked, planted: Planted) -> None:
    house.add_person("dave", planted.canteen)
    with house.signed_in("dave") as dave:
        chat = dave.chat()
        house.operate("user.disable", name="dave")
        assert dave.client.get("/chat/user").status_code == 401
        assert chat.ask(planted.question) in (ENDED, REFUSED)
        with pytest.raises(socketio.exceptions.ConnectionError):
            dave.chat()


def test_a_signed_out_session_is_over_on_an_open_socket_too(house: Attacked, planted: Planted) -> None:
    """Neither a question nor an earlier conversation comes through what is left of it."""
    house.add_person("erin", planted.canteen)
    with house.signed_in("erin") as erin:
        chat = erin.chat()
        chat.ask("xylophone of erin?")
        chat.settle()
        (thread,) = erin.threads()
        resumed = erin.chat(thread["id"])
        resumed.settle()
        assert "xylophone of erin" in resumed.heard
        cookie = erin.cookie
        assert erin.client.post("/chat/logout").status_code == 200
        assert chat.ask(planted.question) == ENDED
        before = len(resumed.told)
        resumed.emit("connection_successful")
        resumed.settle()
        assert "xylophone of erin" not in repr(resumed.told[before:])
        with pytest.raises(socketio.exceptions.ConnectionError):
            Chat(str(uuid.uuid4())).open(house.address, cookie)
