"""Who is served next: fair between people, people before batch work, bounded, and in chunks beside those who write."""

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.chat_format import Message
from models.errors import EngineBusy
from models.generation import GenerationRequest
from models.scheduler import ON_GPU, ON_PROCESSORS, Job, Scheduler, State


def _job(person: str = "", prompt: int = 300, *, public: int = 0, is_batch: bool = False, tokens: int = 10) -> Job:
    request = GenerationRequest((Message("user", "x"),), tokens, person=person, is_batch=is_batch)
    return Job(request, list(range(prompt)), public, threading.Event())


def _scheduler(*jobs: Job, slots: int = 2, queue_max: int = 100) -> Scheduler[Job]:
    scheduler: Scheduler[Job] = Scheduler(slots=slots, queue_max=queue_max)
    for job in jobs:
        scheduler.submit(job)
    return scheduler


def _read(scheduler: Scheduler[Job]) -> None:
    """One step as the engine takes it: everything planned is read, who has read the prompt writes."""
    for share in scheduler.plan():
        share.job.held += len(share.tokens)
        if share.is_sampled:
            share.job.state = State.DECODING
            share.job.written.append(7)


def test_nobody_with_ten_tabs_goes_before_somebody_with_one() -> None:
    tabs = [_job("ten") for _ in range(10)]
    one = _job("one")
    scheduler = _scheduler(*tabs, one, slots=1)
    assert list(scheduler.admit()) == [tabs[0]]
    assert scheduler.waiting[0] is one
    scheduler.finish(tabs[0])
    assert list(scheduler.admit()) == [one]


def test_first_come_is_first_served_between_equals() -> None:
    jobs = [_job(name) for name in ("c", "a", "b")]
    scheduler = _scheduler(*jobs, slots=1)
    assert list(scheduler.waiting) == jobs


def test_people_go_before_batch_work_which_leaves_a_slot_to_them() -> None:
    batch = [_job("night", is_batch=True) for _ in range(3)]
    scheduler = _scheduler(*batch)
    assert list(scheduler.admit()) == [batch[0]]
    person = _job("anna")
    scheduler.submit(person)
    assert scheduler.waiting[0] is person
    assert list(scheduler.admit()) == [person]


def test_batch_work_runs_where_there_is_one_slot_only() -> None:
    batch = _job(is_batch=True)
    assert list(_scheduler(batch, slots=1).admit()) == [batch]


def test_the_line_is_bounded_beyond_the_free_slots() -> None:
    scheduler = _scheduler(*(_job() for _ in range(5)), slots=2, queue_max=3)
    with pytest.raises(EngineBusy, match="3 requests are waiting already"):
        scheduler.submit(_job())


def test_one_person_fills_half_of_the_line_at_most() -> None:
    scheduler = _scheduler(*(_job("ten") for _ in range(4)), slots=2, queue_max=4)
    with pytest.raises(EngineBusy, match="2 requests of the same person are waiting already; wait for one of them"):
        scheduler.submit(_job("ten"))
    scheduler.submit(_job("one"))
    assert scheduler.waiting[1].request.person == "one"


def test_a_prompt_is_read_in_chunks_smaller_beside_somebody_who_writes() -> None:
    writer, reader = _job("a", prompt=100), _job("b", prompt=400)
    scheduler = _scheduler(writer)
    list(scheduler.admit())
    assert [len(share.tokens) for share in scheduler.plan()] == [100]
    _read(scheduler)
    scheduler.submit(reader)
    list(scheduler.admit())
    shares = scheduler.plan()
    assert [(share.job, len(share.tokens), share.is_sampled) for share in shares] == [
        (writer, 1, True),
        (reader, ON_PROCESSORS.beside, False),
    ]
    assert shares[0].position == 100
    scheduler.finish(writer)
    assert len(scheduler.plan()[0].tokens) == ON_PROCESSORS.alone


def test_a_gpu_reads_as_much_beside_those_who_write() -> None:
    scheduler: Scheduler[Job] = Scheduler(slots=2, queue_max=8, chunks=ON_GPU)
    writer, reader = _job("anna", 10, tokens=5), _job("bert", 1000)
    scheduler.submit(writer)
    list(scheduler.admit())
    _read(scheduler)
    scheduler.submit(reader)
    list(scheduler.admit())
    assert [len(share.tokens) for share in scheduler.plan()] == [1, ON_GPU.beside]


def test_no_chunk_goes_beyond_the_public_head_that_it_completes() -> None:
    job = _job(prompt=400, public=150)
    scheduler = _scheduler(job)
    list(scheduler.admit())
    lengths = []
    while job.state is State.PREFILLING:
        lengths.append(len(scheduler.plan()[0].tokens))
        _read(scheduler)
    assert lengths == [128, 22, 128, 122]


def test_two_prompts_share_a_chunk_the_first_come_first() -> None:
    first, second = _job("a", prompt=100), _job("b", prompt=400)
    scheduler = _scheduler(first, second)
    list(scheduler.admit())
    assert [(share.job, len(share.tokens)) for share in scheduler.plan()] == [(first, 100), (second, 28)]


def test_what_the_next_are_told_to_expect_follows_the_answers_that_ended() -> None:
    jobs = [_job() for _ in range(2)]
    scheduler = _scheduler(*jobs)
    list(scheduler.admit())
    assert scheduler.seconds_until(1) is None
    scheduler.finish(jobs[0], 10.0)
    assert [scheduler.seconds_until(place) for place in (1, 2, 3)] == [10, 10, 20]
    scheduler.finish(jobs[1], 20.0)
    assert scheduler.seconds_until(1) == pytest.approx(12)


def test_who_leaves_the_line_is_gone_and_who_runs_does_not_leave() -> None:
    first, second = _job(), _job()
    scheduler = _scheduler(first, second, slots=1)
    list(scheduler.admit())
    assert scheduler.leave(second)
    assert not scheduler.leave(second)
    assert not scheduler.leave(first)
    assert scheduler.clear() == [first]
    assert not scheduler.is_busy


class Play:
    """A scheduler with a line of 8, driven by whatever moves come; every step is looked at."""

    def __init__(self, slots: int) -> None:
        self.scheduler: Scheduler[Job] = Scheduler(slots=slots, queue_max=8)
        self._seen: dict[Job, list[int]] = {}

    def submit(self, person: int, is_batch: bool, prompt: int) -> None:
        try:
            self.scheduler.submit(_job(str(person), prompt, public=prompt // 2, is_batch=is_batch, tokens=3))
        except EngineBusy:
            behind = [job.request.person for job in self.scheduler.behind]
            assert len(behind) >= 8 or behind.count(str(person)) >= 4

    def step(self) -> None:
        self._seen |= {job: [] for job in self.scheduler.admit()}
        moved = list(self.scheduler.close_gaps())
        assert all(job.slot < left for job, left in moved)
        running = self.scheduler.running
        assert sorted(job.slot for job in running) == list(range(len(running)))
        assert len(running) <= self.scheduler.slots
        shares = self.scheduler.plan()
        assert bool(shares) == bool(running)
        assert sum(len(share.tokens) for share in shares) <= ON_PROCESSORS.alone + self.scheduler.slots
        for share in shares:
            assert share.position == share.job.held
            self._seen[share.job] += share.tokens
        _read(self.scheduler)
        for job in [job for job in running if len(job.written) >= job.request.max_tokens]:
            assert self._seen[job] == [*job.prompt, *job.written[:-1]]
            self.scheduler.finish(job)

    def cancel(self, place: int) -> None:
        if running := self.scheduler.running:
            self.scheduler.finish(running[place % len(running)])

    def play_out(self) -> None:
        steps = 0
        while self.scheduler.is_busy and steps < 2000:
            self.step()
            steps += 1


Moves = st.lists(
    st.one_of(
        st.tuples(st.just(Play.submit), st.integers(0, 3), st.booleans(), st.integers(1, 400)),
        st.tuples(st.just(Play.step)),
        st.tuples(st.just(Play.cancel), st.integers(0, 20)),
    ),
    max_size=80,
)


@given(slots=st.integers(1, 4), moves=Moves)
@settings(deadline=None, max_examples=200)
def test_whatever_happens_everybody_ends_slots_are_nobodys_twice_and_every_token_is_read_once(
    slots: int, moves: list[tuple[Any, ...]]
) -> None:
    play = Play(slots)
    for act, *arguments in moves:
        act(play, *arguments)
    play.play_out()
    assert not play.scheduler.is_busy


def test_who_has_the_highest_slot_moves_to_the_one_that_somebody_left() -> None:
    jobs = [_job(name) for name in ("a", "b", "c", "d")]
    scheduler = _scheduler(*jobs, slots=5)
    assert [job.slot for job in scheduler.admit()] == [0, 1, 2, 3]
    assert list(scheduler.close_gaps()) == []
    scheduler.finish(jobs[1])
    scheduler.finish(jobs[0])
    assert list(scheduler.close_gaps()) == [(jobs[3], 3), (jobs[2], 2)]
    assert [job.slot for job in jobs[2:]] == [1, 0]
    scheduler.submit(last := _job("e"))
    list(scheduler.admit())
    assert last.slot == 2


def test_slots_that_go_are_not_given_again_and_slots_that_come_are() -> None:
    jobs = [_job(name) for name in ("a", "b", "c", "d")]
    scheduler = _scheduler(*jobs, slots=2)
    assert list(scheduler.admit()) == jobs[:2]
    scheduler.resize(1)
    scheduler.finish(jobs[1])
    assert list(scheduler.admit()) == []
    scheduler.resize(3)
    assert list(scheduler.admit()) == jobs[2:]
    assert sorted(job.slot for job in scheduler.running) == [0, 1, 2]
