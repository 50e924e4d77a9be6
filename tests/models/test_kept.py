"""What is remembered between requests: within bytes, the oldest gone first, and not for long."""

import numpy as np
import pytest

from models.kept import KEPT_SECONDS, Kept, Read, shared_length


def _read(size: int) -> Read:
    return Read((1, 2), np.zeros(size, np.uint8))


def test_the_least_recently_used_goes_first() -> None:
    kept = Kept(100)
    for key in "abc":
        kept.add(key, _read(40 if key != "c" else 20))
    assert kept.get("a")
    kept.add("d", _read(40))
    assert [bool(kept.get(key)) for key in "abcd"] == [True, False, True, True]
    assert (kept.bytes, kept.evictions) == (100, 1)


def test_a_read_replaces_the_one_of_its_key_and_a_larger_one_than_all_room_is_not_kept() -> None:
    kept = Kept(100)
    kept.add("a", _read(90))
    kept.add("a", _read(30))
    assert kept.bytes == 30
    kept.add("b", _read(101))
    assert kept.get("b") is None
    assert kept.bytes == 0


def test_nothing_is_remembered_for_longer_than_said() -> None:
    now = 0.0
    kept = Kept(100, lambda: now)
    kept.add("a", _read(10))
    now = KEPT_SECONDS
    assert kept.get("a")
    now += 1
    assert kept.get("a") is None
    assert kept.bytes == 0


def test_what_matches_is_dropped() -> None:
    kept = Kept(100)
    for key in ("a", "b"):
        kept.add(key, _read(10))
    kept.drop(lambda key: key == "a")
    assert [bool(kept.get(key)) for key in "ab"] == [False, True]


@pytest.mark.parametrize(
    ("one", "other", "length"), [((), (1,), 0), ((1, 2), (1, 2, 3), 2), ((1, 9, 3), (1, 2, 3), 1), ((1,), (1,), 1)]
)
def test_the_shared_beginning_is_counted(one: tuple[int, ...], other: tuple[int, ...], length: int) -> None:
    assert shared_length(one, other) == length
