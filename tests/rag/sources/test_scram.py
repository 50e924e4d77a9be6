"""A password is proven as the standard says, and only to who has its hash."""

import pytest
import scramp
from hypothesis import given
from hypothesis import strategies as st

from rag.sources.record import Credentials
from rag.sources.scram import ITERATIONS_MAX, MECHANISMS, Denied, ProofRefused, Scram
from security.withheld import Withheld

NONCE = "rOprNGfwEbeRWgbNEkqO"
FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def proving(mechanism: str = "SCRAM-SHA-256", nonce: str = NONCE, user: str = "user", secret: str = "pencil") -> Scram:
    return Scram(mechanism, Credentials(user, Withheld(secret)), nonce)


def test_a_proof_is_that_of_the_standards_own_example() -> None:
    """RFC 7677, 3."""
    one = proving()
    assert one.first() == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    assert one.final(FIRST) == (
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    one.check(FINAL)
    assert "pencil" not in repr(one)


@pytest.mark.parametrize("mechanism", MECHANISMS)
@given(user=st.text("ab,=é ", min_size=1, max_size=8), secret=st.text("abcé7", min_size=1, max_size=8))
def test_another_implementation_takes_it(mechanism: str, user: str, secret: str) -> None:
    there = scramp.ScramMechanism(mechanism)
    known = there.make_auth_info(secret, iteration_count=4096)
    server = there.make_server(lambda name: known if name == user else None)
    one = Scram(mechanism, Credentials(user, Withheld(secret)))
    server.set_client_first(one.first().decode())
    server.set_client_final(one.final(server.get_server_first().encode()).decode())
    one.check(server.get_server_final().encode())


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        FIRST.replace(b"4096", b"4095"),
        FIRST.replace(b"4096", str(ITERATIONS_MAX + 1).encode()),
        FIRST.replace(b"4096", b"99999999999999999999"),
        FIRST.replace(b"s=W22", b"s=\xff"),
        b"\xff" * 100_000,
    ],
)
def test_a_server_that_asks_for_a_cheap_or_an_endless_proof_gets_none(answer: bytes) -> None:
    one = proving()
    one.first()
    with pytest.raises(ProofRefused):
        one.final(answer)


def test_a_server_without_the_hash_is_not_believed() -> None:
    for last, error in ((b"v=AAAA", ProofRefused), (b"", ProofRefused), (b"e=unknown-user", Denied)):
        one = proving()
        one.first()
        one.final(FIRST)
        with pytest.raises(error):
            one.check(last)
    with pytest.raises(ProofRefused):
        proving().check(b"v=")
