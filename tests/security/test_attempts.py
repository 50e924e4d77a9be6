from collections.abc import Callable
from datetime import timedelta

import pytest

from security.attempts import FREE_FAILURES, WAIT_SECONDS_MAX, AttemptLimiter, Failures
from security.clock import Clock
from security.errors import TooManyAttempts

ADA, BOB = b"ada", b"bob"


def fail(limiter: AttemptLimiter, name: bytes, times: int) -> None:
    for _ in range(times):
        limiter.admit(name)


def test_after_five_failures_the_name_waits(clock: Clock) -> None:
    limiter = AttemptLimiter(clock)
    fail(limiter, ADA, FREE_FAILURES)
    with pytest.raises(TooManyAttempts, match="2 seconds") as caught:
        limiter.admit(ADA)
    assert caught.value.seconds == 2
    limiter.admit(BOB)


def test_waiting_doubles_up_to_a_quarter_of_an_hour() -> None:
    waits = [Failures(count, 0.0).wait_seconds for count in range(4, 20)]
    assert waits[:6] == [0, 2, 4, 8, 16, 32]
    assert waits[-1] == WAIT_SECONDS_MAX == 900


def test_an_attempt_is_heard_again_after_the_wait(clock: Clock, advance: Callable[[timedelta], None]) -> None:
    limiter = AttemptLimiter(clock)
    fail(limiter, ADA, FREE_FAILURES)
    advance(timedelta(seconds=2))
    limiter.admit(ADA)
    with pytest.raises(TooManyAttempts, match="4 seconds"):
        limiter.admit(ADA)


def test_a_success_forgets_the_failures(clock: Clock) -> None:
    limiter = AttemptLimiter(clock)
    for _ in range(3):
        fail(limiter, ADA, FREE_FAILURES - 1)
        limiter.succeeded(ADA)


def test_memory_is_bounded_and_forgets_the_oldest_name(clock: Clock) -> None:
    limiter = AttemptLimiter(clock, names_max=2)
    fail(limiter, ADA, FREE_FAILURES)
    limiter.admit(BOB)
    limiter.admit(b"eve")
    limiter.admit(ADA)
