"""A house as an earlier schema left it (tests/vectors/house-0001.tar.xz) opens with everything in it, and is bound."""

import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from chat.admin.registry import OPERATIONS
from chat.assembly import House
from chat.opening import open_house
from chat.settings import Settings
from chat.tables import steps, threads
from rag.documents import PassageId
from rag.errors import StoreBroken
from rag.store.reports import Report
from rag.store.tables import collections
from security.access import Right
from security.identity import OPERATOR, Principal, Role

pytestmark = pytest.mark.usefixtures("process_as_it_was")
VECTORS = Path(__file__).parents[1] / "vectors"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    with tarfile.open(VECTORS / "house-0001.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "state"


def ada(house: House) -> Principal:
    found = house.directory.find_user("ada")
    assert found
    return Principal(found.id, Role.EMPLOYEE)


def test_everything_is_there_and_nothing_is_found_wrong(state: Path) -> None:
    for _ in range(2):
        with open_house(state, Settings()) as house:
            (record,) = house.collections.list()
            grant = house.policy.grant(ada(house), record.id, Right.READ)
            held = house.documents.documents(grant)
            assert [(info.path, info.title, info.passages) for info in held] == [
                ("0.txt", "Wombat 0", 2),
                ("1.txt", "Wombat 1", 2),
            ]
            assert b"".join(house.documents.original(grant, held[1].id)) == b"The wombat 1"
            entries = [e for batch in house.documents.entries.all(house.policy.for_indexing(record.id)) for e in batch]
            texts = house.documents.passages(grant, [PassageId(entry.passage_id) for entry in entries])
            assert {passage.chunk.text for passage in texts} == {
                f"The wombat {number} sleeps by day, part {part}." for number in range(2) for part in range(2)
            }
            assert house.directory.check_password("ada", "correct horse battery")
            assert len(house.conversations.list(ada(house))) == 1
            assert house.audit.verify().entries == 2
            assert all(event.get("is_fine", True) for event in OPERATIONS["verify"](house))


def test_its_people_form_groups(state: Path) -> None:
    with open_house(state, Settings()) as house:
        (record,) = house.collections.list()
        house.directory.take(ada(house).user_id, record.id)
        for operation, arguments in (
            ("group.add", {"name": "keepers"}),
            ("group.join", {"name": "keepers", "users": ["ada"]}),
            ("collection.grant", {"name": record.name, "group": "keepers"}),
        ):
            list(OPERATIONS[operation](house, **arguments))
    with open_house(state, Settings()) as house:
        assert house.policy.grant(ada(house), record.id, Right.READ)
        assert all(event.get("is_fine", True) for event in OPERATIONS["verify"](house))


def test_its_readers_send_reports_to_its_owners(state: Path) -> None:
    report = Report(True, "", "How does the wombat sleep?", "By day.", "", "small", ())
    with open_house(state, Settings()) as house:
        (record,) = house.collections.list()
        reading = house.policy.grant(ada(house), record.id, Right.READ)
        house.directory.give(OPERATOR.user_id, record.id, Right.MANAGE)
        house.documents.quality.reports.send(reading, ada(house).user_id, "m1", report)
    with open_house(state, Settings()) as house:
        managing = house.policy.grant(OPERATOR, record.id, Right.MANAGE)
        assert [found.question for found in house.documents.quality.reports.all(managing)] == [report.question]


def test_what_was_said_is_counted_from_the_first_start(state: Path) -> None:
    with open_house(state, Settings()) as house:
        assert house.conversations.look(ada(house)) == ""
        with house.engine.begin() as connection:
            connection.execute(delete(steps))
            connection.execute(delete(threads))
        assert "0 rows stand in the database" in house.conversations.look(ada(house))
    with open_house(state, Settings()) as house:
        assert "0 rows stand in the database" in house.conversations.look(ada(house))


def test_what_was_damaged_before_is_named_and_the_house_opens(state: Path) -> None:
    with closing(sqlite3.connect(state / "truth.db")) as database, database:
        (broken,) = next(database.execute("SELECT id FROM documents LIMIT 1"))
        database.execute("UPDATE documents SET about = ? WHERE id = ?", (bytes(90), broken))
    with open_house(state, Settings()) as house:
        (record,) = house.collections.list()
        assert broken in house.documents.integrity.reason(record.id)
        list(OPERATIONS["repair.collection"](house, name="archive"))
        grant = house.policy.grant(ada(house), record.id, Right.READ)
        assert len(house.documents.documents(grant)) == 1


def test_once_bound_it_is_not_taken_over_a_second_time(state: Path) -> None:
    with open_house(state, Settings()) as house:
        (record,) = house.collections.list()
        assert not house.documents.integrity.is_closed(record.id)
        with house.engine.begin() as connection:
            assert connection.execute(select(collections.c.state)).scalar_one()
            connection.execute(update(collections).values(state=None))
    with open_house(state, Settings()) as house:
        grant = house.policy.grant(ada(house), record.id, Right.READ)
        with pytest.raises(StoreBroken, match="its sealed state was taken out"):
            house.documents.documents(grant)
