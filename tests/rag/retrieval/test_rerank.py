"""The passages that say what was asked come first; nothing is lost on the way."""

import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.retrieval.rerank import DEPTH, Comparison, likeness
from tests.rag.retrieval.conftest import MakeRanked

NEAR = "The northern castle was built in 1192 by the river."
SCATTERED = (
    "The castle in the town. Rain fell for many days over the northern plain, and much was built elsewhere later."
)


def test_words_that_stand_together_win_over_words_far_apart(ranked: MakeRanked) -> None:
    filler = " ".join(f"word{number}" for number in range(60))
    items = [
        ranked(f"The castle. {filler}. In the northern part something was built.", 0.1, "A"),
        ranked(f"{NEAR} {filler}.", 0.1, "B"),
    ]
    assert Comparison(["When was the northern castle built?"]).rerank(items)[0].passage.document.title == "B"


def test_a_name_of_the_question_that_a_passage_holds_lifts_it(ranked: MakeRanked) -> None:
    items = [
        ranked("The treaty ended the war between the two kingdoms.", 0.1, "A"),
        ranked("The treaty of Campo Formio ended the war.", 0.1, "B"),
    ]
    assert (
        Comparison(["Which war ended with the treaty of Campo Formio?"]).rerank(items)[0].passage.document.title == "B"
    )


def test_a_misspelt_question_finds_the_word_it_means(ranked: MakeRanked) -> None:
    items = [
        ranked("Les salariés peuvent demander une formation à leur responsable.", 0.1, "A"),
        ranked("Le remboursement des déplacements se fait sous trente jours.", 0.1, "B"),
    ]
    assert Comparison(["delai de rembourssement"]).rerank(items)[0].passage.document.title == "B"


FRENCH = "Vous pouvez garder ces informations pendant deux ans au plus dans ce fichier"


def test_likeness_is_the_share_of_the_best_passage_and_survives_a_misspelling(ranked: MakeRanked) -> None:
    items = [ranked(NEAR, 0.2, "A"), ranked("Soap is made of fat.", 0.1, "B")]
    assert likeness("The northern castle was built", items) == 1
    assert 0.3 < likeness("nothern castel", items) < 1
    assert likeness("nothern castel", items[::-1]) < 0.1
    assert likeness("castle", []) == 0


def test_a_passage_in_another_language_is_not_punished_for_its_words(ranked: MakeRanked) -> None:
    items = [
        ranked(f"{FRENCH}.", 0.2, "fr"),
        ranked("The weather was fine and the data were lost for a long year.", 0.1, "en"),
        ranked("They have been to the station, and the data were kept there.", 0.0, "en2"),
    ]
    assert Comparison(["How long may the data be kept?"]).rerank(items)[0].passage.document.title == "fr"


def test_a_name_counts_in_every_language(ranked: MakeRanked) -> None:
    items = [
        ranked(f"{FRENCH}.", 0.1, "A"),
        ranked(f"{FRENCH}, dit Madame Duval.", 0.1, "B"),
        ranked("They have been to the station, and it was closed.", 0.1, "en"),
    ]
    assert Comparison(["How long does Duval keep it?"]).rerank(items)[0].passage.document.title == "B"


def test_with_what_was_asked_before_both_queries_count(ranked: MakeRanked) -> None:
    items = [ranked("Hotels need approval of the lead.", 0.1, "A"), ranked(NEAR, 0.1, "B")]
    queries = ["and by whom?", "and by whom?\nWhen was the northern castle built?"]
    assert Comparison(queries).rerank(items)[0].passage.document.title == "B"


def test_nothing_and_nothing_to_look_for_stay_as_they_are(ranked: MakeRanked) -> None:
    item = ranked(NEAR)
    assert Comparison(["castle"]).rerank([]) == ()
    assert Comparison([]).rerank([item]) == (item,)
    assert [each.passage for each in Comparison(["?"]).rerank([item])] == [item.passage]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=DEPTH + 5), st.text(max_size=40))
def test_every_passage_comes_out_once_with_its_signals_and_falling_scores(
    ranked: MakeRanked, texts: list[str], question: str
) -> None:
    items = [ranked(text, -place, str(place % 7), place) for place, text in enumerate(texts)]
    found = Comparison([question]).rerank(items)
    assert sorted(item.passage.chunk.ordinal for item in found) == list(range(len(texts)))
    assert [item.passage.chunk.ordinal for item in found[DEPTH:]] == list(range(DEPTH, len(texts)))
    scores = [item.score for item in found]
    assert scores == sorted(scores, reverse=True)
    assert all(item.dense == 0.8 for item in found)


def test_thirty_passages_take_little_of_a_processor(ranked: MakeRanked) -> None:
    text = " ".join(f"Sentence {place} of the castle tells who built its northern wall." for place in range(14))
    items = [ranked(f"{text} {number}", -number, str(number)) for number in range(DEPTH)]
    started = time.process_time()
    Comparison(["When was the northern castle built, and by whom?"]).rerank(items)
    assert time.process_time() - started < 0.1  # some 0.015 on a quiet core
