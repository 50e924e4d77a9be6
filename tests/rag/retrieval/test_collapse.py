"""What an earlier passage says already is left out of what is read, and told."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.retrieval.collapse import DEPTH, collapse
from tests.rag.retrieval.conftest import MakeRanked

TEXT = "Employees may carry over up to 240 hours of annual leave into the next leave year with approval."


def test_a_copy_and_a_part_of_an_earlier_passage_are_left_out(ranked: MakeRanked) -> None:
    first, copy, other = ranked(TEXT, 3, "A"), ranked(TEXT, 2, "B"), ranked("Hotels need approval.", 1, "C")
    part = ranked("Employees may carry over up to 240 hours of annual leave into the next year", 0, "D")
    kept, left_out = collapse([first, copy, other, part])
    assert [item.passage.document.title for item in kept] == ["A", "C"]
    assert [item.passage.document.title for item in left_out] == ["B", "D"]


def test_another_number_makes_it_new(ranked: MakeRanked) -> None:
    other_year = ranked(TEXT.replace("240", "260"), 2, "B")
    assert collapse([ranked(TEXT, 3, "A"), other_year]) == ((ranked(TEXT, 3, "A"), other_year), ())


def test_a_longer_passage_that_holds_an_earlier_one_is_kept(ranked: MakeRanked) -> None:
    longer = ranked(f"{TEXT} Supervisors record the carried hours in the payroll tool before January ends.", 2, "B")
    assert collapse([ranked(TEXT, 3, "A"), longer])[1] == ()


def test_short_rows_are_kept(ranked: MakeRanked) -> None:
    rows = [ranked("Owner: Supervisor", 2, "A"), ranked("Owner: Supervisor", 1, "B")]
    assert collapse(rows) == (tuple(rows), ())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([TEXT, TEXT[:80], "Short.", f"{TEXT} More words about trains."]), max_size=DEPTH + 4))
def test_nothing_is_lost_and_the_first_stays(ranked: MakeRanked, texts: list[str]) -> None:
    items = [ranked(text, -place, str(place), place) for place, text in enumerate(texts)]
    kept, left_out = collapse(items)
    both = sorted([*kept, *left_out], key=lambda item: item.passage.chunk.ordinal)
    assert both == items
    assert not items or kept[0] == items[0]
    assert kept[len(kept) - len(items[DEPTH:]) :] == tuple(items[DEPTH:])
