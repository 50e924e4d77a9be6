import pytest

from security.errors import PasswordRefused
from security.passwords import PASSWORD_COST, Argon2Cost, PasswordHasher, check_strength, stretch


def test_a_password_matches_its_own_hash_only(cheap: Argon2Cost) -> None:
    hasher = PasswordHasher(cheap)
    hashed = hasher.hash("correct horse battery")
    assert hasher.matches("correct horse battery", hashed)
    assert not hasher.matches("correct horse batterz", hashed)
    assert not hasher.matches("correct horse battery", None)


def test_equal_passwords_have_different_hashes(cheap: Argon2Cost) -> None:
    hasher = PasswordHasher(cheap)
    assert hasher.hash("correct horse battery") != hasher.hash("correct horse battery")


def test_hashes_carry_the_recommended_cost() -> None:
    assert PasswordHasher().hash("correct horse battery").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD_COST.memory_kib >= 19 * 1024


def test_a_hash_made_at_another_cost_still_matches(cheap: Argon2Cost) -> None:
    hashed = PasswordHasher(cheap).hash("correct horse battery")
    assert PasswordHasher(Argon2Cost(128, 2, 1)).matches("correct horse battery", hashed)


@pytest.mark.parametrize(("password", "reason"), [("eleven char", "expected 12 or more"), ("x" * 1025, "longer than")])
def test_short_and_endless_passwords_are_refused_without_being_shown(password: str, reason: str) -> None:
    with pytest.raises(PasswordRefused, match=reason) as caught:
        check_strength(password)
    assert password not in str(caught.value)


def test_an_endless_password_matches_nothing(cheap: Argon2Cost) -> None:
    assert not PasswordHasher(cheap).matches("x" * 1025, PasswordHasher(cheap).hash("x" * 1025))


def test_stretching_is_argon2id_as_published() -> None:
    """Argon2id without secret and data, from the reference implementation's test.c: t=2, m=2^16 KiB, p=1."""
    expected = "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"
    assert stretch(b"password", b"somesalt", Argon2Cost(2**16, 2, 1)).hex() == expected
