"""Jobs: written down first, in their turn, held, resumed after a kill, done again."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from chat.errors import JobMoved
from chat.jobs.queue import Jobs
from chat.jobs.run import Wish
from chat.syncing import Syncing
from rag.errors import FolderMissing, JobUnknown, LoadRunning, StoreFull
from rag.loading import FileLoaded
from rag.parsing import sandbox
from rag.sources.record import SourceKind, SourceRecord, new_id
from rag.store.jobs import ENDED_KEPT, Job, JobKind, JobState, Priority
from security.access import Right
from security.audit import AuditLog
from security.identity import OPERATOR
from security.keyring import collection_owner
from tests.chat.test_syncing import folder_rights
from tests.postgresql import ON_BOTH_DATABASES
from tests.rag.conftest import Shelf, memory_dir, shelf  # noqa: F401 - fixtures

WAIT_SECONDS = 60


def jobs_of(shelf: Shelf) -> Jobs:  # noqa: F811 - the fixture
    """A queue as a house that is opened anew makes it."""
    audit = AuditLog(shelf.engine, shelf.keyring)
    opened = (lambda: shelf.documents, lambda: shelf.loader)
    syncing = Syncing(audit, shelf.policy, shelf.collections, (), shelf.memory, *opened, rights=folder_rights(shelf))
    return Jobs(shelf.engine, audit, shelf.policy, shelf.collections, syncing, *opened, workers=2)


@pytest.fixture
def jobs(shelf: Shelf) -> Jobs:  # noqa: F811 - the fixture
    return jobs_of(shelf)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "wombats"
    root.mkdir()
    for name in ("apples", "pears", "quinces"):
        (root / f"{name}.txt").write_text(f"{name} ripen in the cellar.")
    return root


class Gate:
    """Holds every embedding until it is opened; tells when one has come."""

    def __init__(self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811 - the fixture
        self.come, self.open = threading.Event(), threading.Event()
        embed = shelf.embedder.embed_passages

        def held(texts: list[str]) -> object:
            self.come.set()
            assert self.open.wait(WAIT_SECONDS)
            return embed(texts)

        monkeypatch.setattr(shelf.embedder, "embed_passages", held)


@pytest.fixture
def gate(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Gate:  # noqa: F811 - the fixture
    return Gate(shelf, monkeypatch)


@contextmanager
def soon() -> Iterator[Callable[[bool], bool]]:
    """Looks again and again, for a minute at most."""
    until = time.monotonic() + WAIT_SECONDS

    def again(is_so: bool) -> bool:
        assert time.monotonic() < until, "it did not come to that within a minute"
        time.sleep(0.02)
        return not is_so

    yield again


def wait_for(jobs: Jobs, shelf: Shelf, job: Job, *states: JobState) -> Job:  # noqa: F811 - the fixture
    with soon() as again:
        while again((found := state_of(jobs, shelf, job)).state in states):
            pass
    return found


def state_of(jobs: Jobs, shelf: Shelf, job: Job) -> Job:  # noqa: F811 - the fixture
    return next(each for each in jobs.all(shelf.managing) if each.id == job.id)


def load(jobs: Jobs, shelf: Shelf, path: Path, priority: Priority = Priority.NORMAL) -> Job:  # noqa: F811
    return jobs.submit(shelf.managing, JobKind.LOAD, str(path), priority=priority)


@ON_BOTH_DATABASES
def test_a_job_is_written_down_sealed_and_tells_how_it_ended(
    shelf: Shelf,  # noqa: F811 - the fixture
    jobs: Jobs,
    folder: Path,
    stored: Callable[[], bytes],
) -> None:
    job = load(jobs, shelf, folder)
    assert state_of(jobs_of(shelf), shelf, job).state is JobState.WAITING
    assert [file.doc for file in jobs.run(shelf.managing, job)] == ["apples.txt", "pears.txt", "quinces.txt"]
    ended = state_of(jobs_of(shelf), shelf, job)
    assert (ended.state, ended.done, ended.total, ended.passages) == (JobState.DONE, 3, 3, 3)
    assert ended.files == {"indexed": 3}
    assert ended.ended_at
    assert b"wombats" not in stored()


def test_what_waits_already_is_not_submitted_twice_but_becomes_as_urgent(
    shelf: Shelf,  # noqa: F811 - the fixture
    jobs: Jobs,
    folder: Path,
) -> None:
    first = load(jobs, shelf, folder, Priority.LOW)
    again = jobs.submit(shelf.managing, JobKind.LOAD, str(folder), priority=Priority.HIGH, released=("apples.txt",))
    assert again.id == first.id
    (only,) = jobs.all(shelf.managing)
    assert (only.priority, only.released) == (Priority.HIGH, ("apples.txt",))


def test_served_jobs_are_done_and_followed_from_their_first_file(shelf: Shelf, jobs: Jobs, folder: Path) -> None:  # noqa: F811
    with jobs.served():
        job, heard = jobs.submitted(shelf.managing, JobKind.LOAD, str(folder))
        events = list(heard)
    assert [event.doc for event in events if isinstance(event, FileLoaded)] == [
        "apples.txt",
        "pears.txt",
        "quinces.txt",
    ]
    assert isinstance(events[-1], Job)
    assert (events[-1].id, events[-1].state) == (job.id, JobState.DONE)
    assert not {"jobs-0", "jobs-1", "sources"} & {thread.name for thread in threading.enumerate()}


def test_a_job_that_was_killed_goes_on_without_repeating_what_is_sealed(shelf: Shelf, jobs: Jobs, folder: Path) -> None:  # noqa: F811
    job = load(jobs, shelf, folder)
    running = jobs.run(shelf.managing, job)
    next(running)  # and no more: the generator is left as a killed process leaves it
    anew = jobs_of(shelf)
    shelf.loader._loading.clear()
    assert state_of(anew, shelf, job).state is JobState.WAITING
    with anew.served():
        ended = wait_for(anew, shelf, job, JobState.DONE)
    assert ended.files == {"unchanged": 1, "indexed": 2}
    running.close()


def test_a_paused_job_stops_at_once_and_goes_on_when_resumed(
    shelf: Shelf,  # noqa: F811 - the fixture
    jobs: Jobs,
    folder: Path,
    gate: Gate,
) -> None:
    with jobs.served():
        job = load(jobs, shelf, folder)
        assert gate.come.wait(WAIT_SECONDS)
        assert set(jobs.at_hand(job).values()) <= {"reading", "embedding"}
        jobs.pause(shelf.managing, state_of(jobs, shelf, job))
        gate.open.set()
        paused = wait_for(jobs, shelf, job, JobState.PAUSED)
        assert paused.done < 3
        with pytest.raises(JobMoved, match="not ended"):
            jobs.retry(shelf.managing, paused)
        jobs.resume(shelf.managing, paused)
        assert wait_for(jobs, shelf, job, JobState.DONE).done == 3


def test_a_cancelled_job_keeps_what_it_loaded_and_can_be_done_again(
    shelf: Shelf,  # noqa: F811 - the fixture
    jobs: Jobs,
    folder: Path,
) -> None:
    job = load(jobs, shelf, folder)
    running = jobs.run(shelf.managing, job)
    next(running)
    running.close()
    cancelled = state_of(jobs, shelf, job)
    assert cancelled.state is JobState.CANCELLED
    assert set(shelf.find("cellar")) == {"apples.txt"}
    for refused in (jobs.cancel, jobs.pause, jobs.resume):
        with pytest.raises(JobMoved):
            refused(shelf.managing, cancelled)
    again = jobs.retry(shelf.managing, cancelled)
    assert list(jobs.run(shelf.managing, again))
    assert state_of(jobs, shelf, job).state is JobState.DONE


def test_a_job_that_fails_says_why(shelf: Shelf, jobs: Jobs, folder: Path) -> None:  # noqa: F811
    job = load(jobs, shelf, folder / "nowhere")
    with pytest.raises(FolderMissing):
        list(jobs.run(shelf.managing, job))
    failed = state_of(jobs, shelf, job)
    assert failed.state is JobState.FAILED
    assert "check the path" in failed.reason


def test_the_end_of_the_server_is_not_the_end_of_a_job(
    shelf: Shelf,  # noqa: F811 - the fixture
    jobs: Jobs,
    folder: Path,
    gate: Gate,
) -> None:
    with jobs.served():
        job = load(jobs, shelf, folder)
        assert gate.come.wait(WAIT_SECONDS)
        threading.Timer(0.2, gate.open.set).start()
    assert state_of(jobs, shelf, job).state is JobState.WAITING
    anew = jobs_of(shelf)
    with anew.served():
        assert wait_for(anew, shelf, job, JobState.DONE).done == 3


def test_the_most_urgent_job_comes_first_and_one_under_way_gives_way(
    shelf: Shelf,  # noqa: F811 - the fixture
    jobs: Jobs,
    folder: Path,
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chat.jobs.queue.RUN_SECONDS_MIN", 0.0)
    (folder.parent / "note.txt").write_text("Bees sleep.")
    with jobs.served():
        slow = load(jobs, shelf, folder, Priority.LOW)
        assert gate.come.wait(WAIT_SECONDS)
        urgent = load(jobs, shelf, folder.parent / "note.txt", Priority.HIGH)
        assert jobs.before(urgent) == 1
        with soon() as again:
            while again(jobs._runs[slow.id].wish is not None):
                pass
        gate.open.set()
        first, last = (wait_for(jobs, shelf, job, JobState.DONE) for job in (urgent, slow))
    assert first.ended_at
    assert last.ended_at
    assert first.ended_at < last.ended_at
    assert last.files["unchanged"] >= 1


def test_one_load_a_collection_at_a_time(shelf: Shelf, jobs: Jobs, folder: Path) -> None:  # noqa: F811
    running = jobs.run(shelf.managing, load(jobs, shelf, folder))
    next(running)
    with pytest.raises(LoadRunning):
        next(jobs.run(shelf.managing, load(jobs, shelf, folder / "apples.txt")))
    running.close()


def test_what_did_not_come_in_is_kept_with_its_reason_and_read_again_only_by_a_retry(
    shelf: Shelf,  # noqa: F811 - the fixture
    jobs: Jobs,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: Callable[..., object] = sandbox.read_document
    names: list[str] = []

    def counted(name: str, *rest: object) -> object:
        names.append(name)
        return read(name, *rest)

    monkeypatch.setattr("rag.reading.read_document", counted)
    (folder / "tool.bin").write_bytes(b"\x7fELF and more")
    job = load(jobs, shelf, folder)
    list(jobs.run(shelf.managing, job))
    (kept,) = shelf.documents.kept_out.all(shelf.managing)
    assert (kept.doc, kept.state, "program" in kept.reason) == ("tool.bin", "rejected", True)
    names.clear()
    second = load(jobs, shelf, folder)
    files = {file.doc: file for file in jobs.run(shelf.managing, second)}
    assert names == []
    assert (files["tool.bin"].state, files["tool.bin"].reason) == ("rejected", kept.reason)
    list(jobs.run(shelf.managing, jobs.retry(shelf.managing, state_of(jobs, shelf, second))))
    assert names == ["tool.bin"]
    (folder / "tool.bin").unlink()
    list(jobs.run(shelf.managing, load(jobs, shelf, folder)))
    assert shelf.documents.kept_out.all(shelf.managing) == ()


def test_jobs_and_kept_files_go_through_a_rotation_and_go_with_their_collection(
    shelf: Shelf,  # noqa: F811 - the fixture
    jobs: Jobs,
    folder: Path,
) -> None:
    (folder / "tool.bin").write_bytes(b"\x7fELF")
    job = load(jobs, shelf, folder)
    list(jobs.run(shelf.managing, job))
    list(shelf.documents.reseal(shelf.managing))
    assert len(shelf.keyring.versions(collection_owner(shelf.collection_id))) == 1
    assert state_of(jobs, shelf, job).state is JobState.DONE
    assert len(shelf.documents.kept_out.all(shelf.managing)) == 1
    shelf.collections.remove(shelf.collection_id)
    with shelf.engine.connect() as connection:
        for table in ("jobs", "kept_out"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0
    with pytest.raises(JobUnknown):
        jobs.find(job.id)


def test_of_jobs_that_ended_the_last_are_kept(shelf: Shelf, jobs: Jobs, tmp_path: Path) -> None:  # noqa: F811
    for number in range(ENDED_KEPT + 3):
        jobs.cancel(shelf.managing, load(jobs, shelf, tmp_path / str(number)))
    load(jobs, shelf, tmp_path / "waits")
    kept = jobs.all(shelf.managing)
    assert len(kept) == ENDED_KEPT + 1
    assert kept[0].target.endswith("/3")


def test_a_source_whose_time_has_come_becomes_a_job_and_a_cancelled_one_waits_for_its_next_time(
    shelf: Shelf,  # noqa: F811 - the fixture
    jobs: Jobs,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chat.jobs.queue.LOOK_SECONDS", 0.05)
    made = SourceRecord(new_id(), SourceKind.FOLDER, str(folder), every_minutes=10)
    jobs.syncing.add(shelf.managing, made)
    with jobs.served(), soon() as again:
        while again(bool(shelf.documents.sources(shelf.managing)[0].last)):
            pass
        (job,) = jobs.all(shelf.managing)
        wait_for(jobs, shelf, job, JobState.DONE)
    assert (job.kind, job.target) == (JobKind.SYNC, made.id)
    assert set(shelf.find("cellar")) == {"apples.txt", "pears.txt", "quinces.txt"}
    shelf.documents.change_sources(shelf.managing, lambda known: tuple(replace(each, last=None) for each in known))
    running = jobs.run(shelf.managing, jobs.submit(shelf.managing, JobKind.SYNC, made.id))
    next(running)
    running.close()
    assert list(jobs.syncing.due()) == []


def test_a_collection_that_is_damaged_holds_up_no_other(shelf: Shelf, jobs: Jobs, folder: Path) -> None:  # noqa: F811
    damaged = shelf.policy.grant(OPERATOR, shelf.collections.create("a damaged one"), Right.MANAGE)
    jobs.submit(damaged, JobKind.LOAD, str(folder))
    with shelf.engine.begin() as connection:
        own = {"id": damaged.collection_id}
        connection.execute(text("UPDATE collections SET state = NULL WHERE id = :id"), own)
    job = load(jobs, shelf, folder)
    with jobs.served():
        assert wait_for(jobs, shelf, job, JobState.DONE).done == 3
    assert jobs.find(job.id)[1].id == job.id
    assert [each.id for each in jobs.everywhere()] == [job.id]


def test_what_ended_meanwhile_is_not_cancelled_after_it(shelf: Shelf, jobs: Jobs, folder: Path) -> None:  # noqa: F811
    known = load(jobs, shelf, folder)
    list(jobs.run(shelf.managing, known))
    with pytest.raises(JobMoved):
        jobs.cancel(shelf.managing, known)
    assert state_of(jobs, shelf, known).state is JobState.DONE


def test_who_follows_hears_that_the_server_ends(
    shelf: Shelf,  # noqa: F811 - the fixture
    jobs: Jobs,
    folder: Path,
    gate: Gate,
) -> None:
    with jobs.served():
        _, heard = jobs.submitted(shelf.managing, JobKind.LOAD, str(folder))
        assert gate.come.wait(WAIT_SECONDS)
        jobs.stop()
        gate.open.set()
        *_, last = heard
    assert isinstance(last, Job)
    assert last.state in (JobState.RUNNING, JobState.WAITING)
    assert state_of(jobs, shelf, last).state is JobState.WAITING


def test_a_failure_while_giving_way_is_a_failure(
    shelf: Shelf,  # noqa: F811 - the fixture
    jobs: Jobs,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> None:
        next(iter(jobs._runs.values())).ask(Wish.GIVE_WAY)
        raise StoreFull("no room")

    monkeypatch.setattr(shelf.documents, "put", fails)
    job = load(jobs, shelf, folder)
    with pytest.raises(StoreFull):
        list(jobs.run(shelf.managing, job))
    assert (state_of(jobs, shelf, job).state, state_of(jobs, shelf, job).reason) == (JobState.FAILED, "no room")
