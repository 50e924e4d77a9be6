"""What a conversation comes to within a budget of tokens."""

from hypothesis import given
from hypothesis import strategies as st

from rag.answering.answer import Language, Turn
from rag.answering.history import remember


def words(text: str) -> int:
    return len(text.split())


def conversation(count: int, length: int = 20) -> list[Turn]:
    return [
        turn
        for number in range(count)
        for turn in (Turn("user", f"question{number} " * length), Turn("assistant", f"answer{number} " * length))
    ]


def test_what_fits_is_whole() -> None:
    history = conversation(2)
    assert remember(history, 80, words, Language.ENGLISH).turns == tuple(history)


def test_older_exchanges_stand_in_a_line_and_the_oldest_are_counted() -> None:
    history = [
        turn
        for number in range(30)
        for turn in (Turn("user", f"What is thing {number}?"), Turn("assistant", f"It is {number}. And more of it."))
    ]
    kept = remember(history, 100, words, Language.ENGLISH)
    assert kept.turns[-1].content.startswith("It is 29")
    assert kept.summary.startswith("Earlier in the conversation:")
    assert "What is thing 22? → It is 22." in kept.summary
    assert "And more of it" not in kept.summary
    assert f"({kept.left_out} older exchanges are left out)" in kept.summary
    assert len(kept.turns) // 2 + kept.shortened + kept.left_out == 30


def test_one_exchange_over_the_whole_budget_becomes_a_line() -> None:
    kept = remember([Turn("user", "word " * 500)], 100, words, Language.FRENCH)
    assert kept.turns == ()
    assert (kept.shortened, kept.left_out) == (1, 0)
    assert kept.summary.startswith("Plus tôt dans la conversation :\n- word word")
    assert words(kept.summary) <= 40


_TURN = st.builds(
    Turn, st.sampled_from(["user", "assistant", "system"]), st.text(alphabet="ab .\n", min_size=1, max_size=120)
)


@given(st.lists(_TURN, max_size=30), st.integers(40, 300))
def test_it_never_costs_more_than_its_budget_and_every_exchange_is_told_of(history: list[Turn], budget: int) -> None:
    kept = remember(history, budget, words, Language.ENGLISH)
    assert words(kept.summary) + sum(words(turn.content) for turn in kept.turns) <= budget
    asked = sum(turn.role == "user" for turn in history)
    assert sum(turn.role == "user" for turn in kept.turns) + kept.shortened + kept.left_out == asked
    assert not kept.turns or kept.turns[0].role == "user"
    assert all(turn.role in ("user", "assistant") for turn in kept.turns)
