"""Claim: who can write to the database has no load run that an operator did not ask for, and hides no file by it."""

from pathlib import Path

import pytest
from sqlalchemy import text

from chat.jobs.queue import Jobs
from rag.store.jobs import Job, JobKind, JobState
from security.access import Right
from security.errors import AccessDenied
from security.identity import OPERATOR
from tests.chat.test_jobs import jobs_of
from tests.postgresql import ON_BOTH_DATABASES
from tests.rag.conftest import Shelf, memory_dir, shelf  # noqa: F401 - fixtures


@pytest.fixture
def jobs(shelf: Shelf) -> Jobs:  # noqa: F811 - the fixture
    return jobs_of(shelf)


@pytest.fixture
def done(shelf: Shelf, jobs: Jobs, tmp_path: Path) -> tuple[Job, bytes]:  # noqa: F811 - the fixture
    """A job that ended, and its record as it was while it waited."""
    (tmp_path / "plan.txt").write_text("The plan.")
    job = jobs.submit(shelf.managing, JobKind.LOAD, str(tmp_path / "plan.txt"), released=("plan.txt",))
    with shelf.engine.connect() as connection:
        waiting = connection.execute(text("SELECT about FROM jobs")).scalar_one()
    list(jobs.run(shelf.managing, job))
    return job, waiting


@ON_BOTH_DATABASES
def test_a_record_that_is_put_back_does_not_run_again(
    shelf: Shelf,  # noqa: F811 - the fixture
    jobs: Jobs,
    done: tuple[Job, bytes],
) -> None:
    job, waiting = done
    with shelf.engine.begin() as connection:
        connection.execute(text("UPDATE jobs SET about = :about"), {"about": waiting})
    (shown,) = jobs.all(shelf.managing)
    assert (shown.id, shown.state) == (job.id, JobState.FAILED)
    assert "put back" in shown.reason
    assert jobs._waiting() == []


@ON_BOTH_DATABASES
def test_a_record_that_is_taken_out_and_brought_in_again_does_not_run(
    shelf: Shelf,  # noqa: F811 - the fixture
    jobs: Jobs,
    done: tuple[Job, bytes],
) -> None:
    _, waiting = done
    with shelf.engine.begin() as connection:
        connection.execute(text("DELETE FROM jobs"))
        row = {"id": "feedbeef", "collection": shelf.collection_id, "about": waiting}
        connection.execute(text("INSERT INTO jobs (id, collection_id, about) VALUES (:id, :collection, :about)"), row)
    assert [shown.state for shown in jobs.all(shelf.managing)] == [JobState.FAILED]
    assert jobs._waiting() == []


@ON_BOTH_DATABASES
def test_a_record_of_one_collection_is_no_job_of_another(
    shelf: Shelf,  # noqa: F811 - the fixture
    jobs: Jobs,
    tmp_path: Path,
) -> None:
    jobs.submit(shelf.managing, JobKind.LOAD, str(tmp_path))
    other = shelf.policy.grant(OPERATOR, shelf.collections.create("other"), Right.MANAGE)
    with shelf.engine.begin() as connection:
        connection.execute(text("UPDATE jobs SET collection_id = :other"), {"other": other.collection_id})
    assert [job.state for job in jobs.all(other)] == [JobState.FAILED]
    assert jobs._waiting() == []


@ON_BOTH_DATABASES
def test_a_reason_kept_for_a_file_holds_for_its_content_and_place_alone(
    shelf: Shelf,  # noqa: F811 - the fixture
    jobs: Jobs,
    tmp_path: Path,
) -> None:
    root = tmp_path / "share"
    root.mkdir()
    (root / "a.txt").write_bytes(b"\x7fELF")
    (root / "b.txt").write_text("Bees sleep.")
    list(jobs.run(shelf.managing, jobs.submit(shelf.managing, JobKind.LOAD, str(root))))
    place = next(
        iter(
            shelf.documents.fingerprints.inventory(shelf.managing, str(root)).of(
                shelf.documents.fingerprints.source_key(shelf.managing, str(root))
            )
        )
    )
    with shelf.engine.begin() as connection:
        connection.execute(text("UPDATE kept_out SET place_key = :place"), {"place": place})
    assert shelf.documents.kept_out.all(shelf.managing) == ()
    (root / "b.txt").write_text("Bees are awake.")
    list(jobs.run(shelf.managing, jobs.submit(shelf.managing, JobKind.LOAD, str(root))))
    assert set(shelf.find("awake")) == {"b.txt"}


def test_who_may_read_a_collection_sees_none_of_its_jobs(shelf: Shelf, done: tuple[Job, bytes]) -> None:  # noqa: F811
    job, _ = done
    for asked in (
        lambda: shelf.documents.jobs.all(shelf.reading),
        lambda: shelf.documents.jobs.change(shelf.reading, job.id, lambda each: each),
        lambda: shelf.documents.kept_out.all(shelf.reading),
    ):
        with pytest.raises(AccessDenied):
            asked()
