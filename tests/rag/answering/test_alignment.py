"""A sentence is supported by a passage that says it, and by nothing else."""

import re
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rag.answering.alignment import Alignment
from rag.answering.answer import Doubt, Language, Why
from rag.answering.source import QUOTE_WORDS_MAX
from rag.documents import RankedPassage

MakeRanked = Callable[..., RankedPassage]

LEAVE = (
    "Full-time employees earn four hours of sick leave per pay period. You can carry over a maximum of 240 annual "
    "leave hours from one leave year to the next. Ask your supervisor before travelling abroad."
)
TRAVEL = "Travel costs are paid back within 30 days. Keep every receipt above 75 dollars."
TABLE = "Item | 2019 | 2018\nServicing fees | 3,901 | 2,321\nSales of loans | 91,946 | 139,026"
APPELS = (
    "Votre employeur peut écouter vos appels de manière ponctuelle. Les enregistrements sont conservés six mois au "
    "plus. Les salariés doivent être informés avant toute écoute."
)
SENTENCE = "Travel costs are paid back within 30 days."
PIECES = (
    *("travel", "costs", "employees", "Paris", "hours", "leave", "not", "without", "days.", "Total:", "in thousands"),
    *("12", "30", "1,234", "5.5 %", "$7", "2019", "| 91,946 |", "3 March 2020", "twelve", "\n", "The rest. And"),
)


@pytest.fixture
def align(ranked: Callable[..., RankedPassage]) -> Callable[..., Alignment]:
    def make(*texts: str, question: str = "How many hours can I carry over?") -> Alignment:
        passages = [ranked(text, name=f"d{place}", title="") for place, text in enumerate(texts)]
        return Alignment(passages, question, Language.ENGLISH)

    return make


def test_a_sentence_the_passage_says_is_cited_with_a_verbatim_quote(align: Callable[..., Alignment]) -> None:
    (citation,) = align(LEAVE).check("You can carry over at most 240 annual leave hours.").citations
    assert LEAVE[citation.start : citation.end] == citation.quote
    assert citation.quote.startswith("You can carry over a maximum of 240")


def test_a_question_in_the_passage_says_nothing(align: Callable[..., Alignment]) -> None:
    asks = "Can you carry annual leave hours over to the next year?"
    assert not align(asks).check("You can carry annual leave hours over to the next year.").citations
    said = "Annual leave hours are carried over."
    (citation,) = align(f"{asks}\n{said}").check("Annual leave hours are carried over to the next year.").citations
    assert citation.quote == said


def test_a_changed_number_is_never_supported(align: Callable[..., Alignment]) -> None:
    assert not align(LEAVE).check("You can carry over a maximum of 340 annual leave hours.").citations


@given(number=st.integers(0, 10**7))
def test_no_number_that_the_passage_lacks_is_ever_supported(ranked: Callable[..., RankedPassage], number: int) -> None:
    aligned = Alignment([ranked(LEAVE)], "How many hours can I carry over?", Language.ENGLISH)
    support = aligned.check(f"You can carry over a maximum of {number} annual leave hours.")
    assert bool(support.citations) == (number == 240)


def test_a_sentence_from_elsewhere_is_not_supported(align: Callable[..., Alignment]) -> None:
    assert not align(LEAVE).check("The river freezes in winter near the northern castle.").citations


def test_only_the_passage_that_says_it_is_cited(align: Callable[..., Alignment]) -> None:
    (citation,) = align(LEAVE, TRAVEL).check("Travel costs are paid back within 30 days.").citations
    assert citation.n == 2


def test_two_passages_that_both_say_it_are_both_cited_best_first(align: Callable[..., Alignment]) -> None:
    twice = align(TRAVEL, LEAVE, "Also: travel costs are paid back within 30 days.")
    found = twice.check("Travel costs are paid back within 30 days.").citations
    assert {citation.n for citation in found} == {1, 3}


def test_a_table_row_is_quoted_with_its_header_when_the_sentence_names_the_column(
    align: Callable[..., Alignment],
) -> None:
    aligned = align(TABLE, question="What were the servicing fees in 2018?")
    (citation,) = aligned.check("Servicing fees in 2018 were 2,321.").citations
    assert citation.quote == "Item | 2019 | 2018\nServicing fees | 3,901 | 2,321"


def test_a_quote_grows_only_within_its_bound(align: Callable[..., Alignment]) -> None:
    long = " ".join(f"Rule{place} says that clause{place} binds party{place} always." for place in range(60))
    sentence = " ".join(f"rule{place} clause{place} party{place}" for place in range(60))
    support = align(long).check(sentence)
    assert all(len(citation.quote.split()) <= QUOTE_WORDS_MAX for citation in support.citations)


def test_french_is_compared_in_french(align: Callable[..., Alignment]) -> None:
    aligned = align(APPELS, question="Mon employeur peut-il écouter mes appels ?")
    (citation,) = aligned.check("L'employeur conserve l'enregistrement six mois au plus.").citations
    assert "six mois" in citation.quote


def test_a_passage_without_text_supports_nothing(align: Callable[..., Alignment]) -> None:
    assert not align("").check("Anything at all.").citations
    assert not align().check("Anything at all.").citations


def test_a_number_elsewhere_in_the_passage_is_cited_where_it_stands(align: Callable[..., Alignment]) -> None:
    filler = "Nothing else matters here at all, as everybody in the office knows very well by now. " * 6
    text = f"Annual leave may be carried over by employees. {filler}The annual leave limit is 240 hours."
    first, second = align(text).check("Annual leave may be carried over by employees, 240 hours.").citations
    assert first.quote == "Annual leave may be carried over by employees."
    assert second.quote == "The annual leave limit is 240 hours."


@pytest.mark.parametrize(
    ("sentence", "is_said"),
    [
        ("The charter of the college was granted in 1650.", True),
        ("The charter of the college was granted in 1639.", False),
        ("The camp received 150 prisoners first.", True),
        ("The camp received 90 prisoners first.", False),
        ("Article 12 covers travel.", True),
        ("Article 21 covers travel.", False),
        ("Article 12 covers travel to 21 countries.", True),
        ("The river flows 109 miles south.", True),
        ("The river flows 45 miles south.", False),
    ],
)
def test_a_number_stands_with_what_it_is_a_number_of(
    align: Callable[..., Alignment], sentence: str, is_said: bool
) -> None:
    text = (
        "The college was renamed in 1639. The charter of the college was granted in 1650. The camp received 150 "
        "prisoners first. It held 90 guards then. Article 12 covers travel to 21 countries. The river at 45 ° north "
        "flows 109 miles south."
    )
    assert bool(align(text, question="What happened?").check(sentence).citations) is is_said


def test_a_heading_that_denies_counts_for_what_stands_below_it(ranked: Callable[..., RankedPassage]) -> None:
    below = ranked("You conduct research with 9 participants.", headings=("You do not need PRA clearance when",))
    aligned = Alignment([below], "Who needs PRA clearance?", Language.ENGLISH)
    assert aligned.check("You do not need PRA clearance when you conduct research with 9 participants.").citations
    assert not aligned.check("You need PRA clearance when you conduct research with 9 participants.").citations


def test_a_number_of_another_unit_is_another_number(align: Callable[..., Alignment]) -> None:
    support = align(TRAVEL).check("Travel costs are paid back within 30 hours.")
    assert support.why == (Why(Doubt.NUMBER, "30"),)


@pytest.mark.parametrize(
    ("sentence", "why"),
    [
        ("Marie Curie joined Sorbonne on 12 March 1906.", ()),
        ("Marie Curie joined Sorbonne in mars 1906.", ()),
        ("Marie Curie joined Sorbonne on 13 March 1906.", (Why(Doubt.DATE, "13 March 1906"),)),
        ("Marie Curie joined Harvard on 12 March 1906.", (Why(Doubt.NAME, "Harvard"),)),
        (
            "She never joined the Sorbonne on 12 March 1906.",
            (Why(Doubt.NEGATION, "She never joined the Sorbonne on 12 March 1906."),),
        ),
    ],
)
def test_a_date_a_name_and_a_negation_are_looked_at(
    align: Callable[..., Alignment], sentence: str, why: tuple[Why, ...]
) -> None:
    aligned = align("Marie Curie joined the Sorbonne on 12 March 1906. She taught physics.", question="Who joined?")
    found = aligned.check(sentence)
    assert found.why == why
    assert bool(found.citations) is not bool(why)


def test_of_two_that_say_it_nearly_as_well_the_one_ranked_higher_is_cited(align: Callable[..., Alignment]) -> None:
    (citation,) = align(f"{TRAVEL} {LEAVE}", TRAVEL.replace("Keep", "Keep safe")).check(SENTENCE).citations[:1]
    assert citation.n == 1


def test_a_second_passage_of_the_same_document_is_not_cited_too(ranked: Callable[..., RankedPassage]) -> None:
    aligned = Alignment([ranked(TRAVEL), ranked(f"{TRAVEL} {LEAVE}")], "What is paid back?", Language.ENGLISH)
    assert len(aligned.check(SENTENCE).citations) == 1


def test_a_number_that_is_worked_out_is_explained_and_never_supported(align: Callable[..., Alignment]) -> None:
    aligned = align(TABLE, question="What was the change in servicing fees from 2018 to 2019?")
    support = aligned.check("The change in servicing fees was 1,580.")
    assert support.why == (Why(Doubt.COMPUTED, "1,580", ("3,901", "2,321")),)
    assert [citation.quote for citation in support.citations] == ["Servicing fees | 3,901 | 2,321"]
    assert not align(TABLE, question="What were the servicing fees?").check("Servicing fees were 1,580.").citations


@given(
    passage=st.lists(st.sampled_from(PIECES), min_size=1, max_size=14).map(" ".join),
    sentence=st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map(" ".join),
    number=st.integers(21, 10**6),
    form=st.sampled_from(["{}", "{:,}", "{} %", "${}", "{} hours", "{} million"]),
)
def test_a_number_that_the_passage_lacks_is_never_supported_whatever_is_said(
    ranked: Callable[..., RankedPassage], passage: str, sentence: str, number: int, form: str
) -> None:
    assume(str(number) not in re.sub(r"[ ,.]", "", passage))
    aligned = Alignment([ranked(passage)], "What is the total change in percent?", Language.ENGLISH)
    support = aligned.check(f"{sentence} {form.format(number)} {sentence}.")
    assert support.why or not support.citations


def test_columns_read_from_a_picture_are_not_one_number(ranked: MakeRanked) -> None:
    row = "Years 2019 2018 2017 Service 207 036 762 Cash-settled 255 131 72 awards"
    alignment = Alignment([ranked(row)], "What were cash-settled awards in 2019?", Language.ENGLISH)
    assert alignment.check("Cash-settled awards were 255.").citations
    assert not alignment.check("Cash-settled awards were 256.").citations


def test_the_name_of_a_file_claims_no_number(ranked: MakeRanked) -> None:
    alignment = Alignment([ranked("Foreign exchange movements were greater in 2019.")], "When?", Language.ENGLISH)
    assert alignment.check("In report-6ea63cce.md, foreign exchange movements were greater in 2019.").citations


def test_statements_joined_in_a_sentence_may_stand_on_a_passage_each(ranked: MakeRanked) -> None:
    statements = (
        "Certaines mairies organisent des consultations gratuites",
        "les assurances prévoient parfois des conseils juridiques",
        "les syndicats accompagnent leurs adhérents devant le tribunal",
    )
    found = [ranked(f"{text}.", name=str(place)) for place, text in enumerate(statements)]
    alignment = Alignment(found, "Comment consulter un avocat ?", Language.FRENCH)
    joined = f"{', '.join(statements)}."
    assert {citation.n for citation in alignment.check(joined).citations} == {1, 2, 3}
    assert not alignment.check(joined.replace("leurs adhérents", "1936 adhérents")).citations


def test_the_opposite_of_what_stands_there_is_not_supported(ranked: MakeRanked) -> None:
    alignment = Alignment([ranked("Neutrophils are the most abundant type of phagocyte.")], "Which?", Language.ENGLISH)
    assert alignment.check("Neutrophils are the most abundant type of phagocyte.").citations
    support = alignment.check("Neutrophils are the least abundant type of phagocyte.")
    assert (support.citations, [why.text for why in support.why]) == ((), ["least"])


def test_a_word_that_answers_stands_in_a_passage_about_the_question(ranked: MakeRanked) -> None:
    question = "Qui a écrit les Mamelles de Tirésias ?"
    ballet = ranked("Le concept est divulgué par la plaquette qu'Apollinaire rédige pour la première de Parade.")
    play = ranked("Apollinaire achève la pièce Les Mamelles de Tirésias.")
    assert not Alignment([ballet], question, Language.FRENCH).check("Apollinaire").citations
    assert Alignment([play], question, Language.FRENCH).check("Apollinaire").citations
    assert (
        Alignment([play], "Who wrote the play about the soothsayer?", Language.ENGLISH).check("Apollinaire").citations
    )


def test_a_question_that_the_passage_asks_is_no_quote(ranked: MakeRanked) -> None:
    asks = (
        "Professionnels de santé : mener une analyse d'impact, est-ce obligatoire ? La réponse dépend de la structure."
    )
    alignment = Alignment([ranked(asks)], "Une analyse d'impact est-elle obligatoire ?", Language.FRENCH)
    support = alignment.check("Mener une analyse d'impact est obligatoire.")
    assert not any(citation.quote.endswith("?") for citation in support.citations)


def test_a_yes_stands_on_its_quote_and_not_on_words_from_all_over(ranked: MakeRanked) -> None:
    text = "You may need to find a lawyer later. It helps. A judge hears cases. That takes time. Civil law is long."
    alignment = Alignment([ranked(text)], "Do I need a lawyer for civil cases?", Language.ENGLISH)
    assert not alignment.check("Yes, you need a lawyer for civil cases.").citations
    needs = Alignment([ranked("You need a lawyer for civil cases.")], "Do I need a lawyer?", Language.ENGLISH)
    assert needs.check("Yes, you need a lawyer for civil cases.").citations


def test_a_range_is_not_taken_apart_to_be_checked(ranked: MakeRanked) -> None:
    text = "Le château de Kilkenny fut construit entre 1192 et 1207 par Guillaume de Clare pour contrôler un passage."
    alignment = Alignment([ranked(text)], "Quand fut-il construit ?", Language.FRENCH)
    said = "Le château de Kilkenny fut construit entre {} et 1207 par Guillaume de Clare pour contrôler un passage."
    assert alignment.check(said.format(1192)).citations
    assert not alignment.check(said.format(1207)).citations


def test_times_and_days_of_a_message_are_no_sums(ranked: MakeRanked) -> None:
    mail = "Calendly charged $124.48 to Mercury; Date: Mon, 14 Feb 2022 09:55:16 +0000"
    alignment = Alignment([ranked(mail)], "Find the $ value paid to Calendly?", Language.ENGLISH)
    assert alignment.check("$124.48").citations
    assert not any(alignment.check(wrong).citations for wrong in ("$14", "$55", "$0000", "$2022"))
