import itertools
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from security.errors import KeyringLocked
from security.shares import join_shares, needed_of, split_secret

SECRET = bytes(range(32))
FIXED = (
    "huisclos-share-1:dddc1970:2:1:504d96633b26c140f796c4c3a93b63840da1fa2b655ec64f424b527557596cef:17d04622",
    "huisclos-share-1:dddc1970:2:3:f0d4bea345614fcf08a95952e357b89236c02a5b87c966fff6efc2a9c1d1890f:61684690",
)


@settings(max_examples=25, deadline=None)  # the library's arithmetic is plain Python
@given(secret=st.binary(min_size=32, max_size=32), count=st.integers(2, 5), needed=st.integers(2, 5))
def test_any_needed_shares_give_the_secret_back(secret: bytes, count: int, needed: int) -> None:
    if needed > count:
        with pytest.raises(ValueError, match="shares"):
            split_secret(secret, needed, count)
        return
    shares = split_secret(secret, needed, count)
    assert len(set(shares)) == count
    for chosen in itertools.combinations(reversed(shares), needed):
        assert join_shares(chosen) == secret


def test_fewer_shares_than_needed_are_refused_with_how_many() -> None:
    shares = split_secret(SECRET, 3, 4)
    assert needed_of(shares[0]) == 3
    with pytest.raises(KeyringLocked, match="2 different shares were given, 3 are needed"):
        join_shares([shares[0], shares[1], shares[0]])
    with pytest.raises(KeyringLocked, match="0 different shares"):
        join_shares([])


def test_two_shares_of_three_needed_give_another_secret() -> None:
    """The numbers that say how many are needed are no protection, the mathematics is."""
    shares = [share.replace(":3:", ":2:", 1) for share in split_secret(SECRET, 3, 4)[:2]]
    lied = [f"{share[:-8]}{checked(share)}" for share in shares]
    assert join_shares(lied) != SECRET


def checked(share: str) -> str:
    return sha256(share[:-9].encode()).hexdigest()[:8]


def test_a_mistyped_share_is_named() -> None:
    shares = list(split_secret(SECRET, 2, 3))
    wrong = shares[1].replace(shares[1][-20], "0" if shares[1][-20] != "0" else "1")
    for typed in (wrong, "", "huisclos-share-1", shares[1][:-1]):
        with pytest.raises(KeyringLocked, match="share 2 is not whole or was mistyped"):
            join_shares([shares[0], typed])
    assert join_shares([f" {shares[0]}\n", shares[1]]) == SECRET


def test_shares_of_two_sets_do_not_mix() -> None:
    with pytest.raises(KeyringLocked, match="different sets"):
        join_shares([split_secret(SECRET, 2, 3)[0], split_secret(SECRET, 2, 3)[1]])


def test_a_share_kept_from_an_earlier_release_still_joins() -> None:
    assert join_shares(FIXED) == SECRET
