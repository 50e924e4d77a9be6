"""What stands near a number: words beside it, the label and the header of its cell, the year of its column."""

from rag.answering.answer import Language
from rag.answering.claims import held
from rag.answering.figures import Figure, figures, figures_of
from rag.answering.sentences import split_sentences


def of(text: str) -> dict[str, Figure]:
    spans = split_sentences(text)
    counted = held([text[start:end] for start, end in spans], text, ()).numbers
    return {figure.number.text: figure for figure in figures_of(text, spans, counted, Language.ENGLISH)}


def test_nearer_words_are_nearer_and_small_words_do_not_count() -> None:
    (days, hours) = figures("Leave of the 12 days ends after 5 hours", Language.ENGLISH)
    assert days.near["leav"] == hours.near["end"] == 0.5 or days.near["leav"] > hours.near["leav"]
    assert days.near["#5"] == hours.near["#12"]


def test_the_days_of_dates_are_no_figures_and_years_are() -> None:
    assert [figure.number.text for figure in figures("On 31 December 2019 it was 7", Language.ENGLISH)] == ["2019", "7"]


def test_a_cell_has_its_label_and_its_header() -> None:
    cell = of("Other receivables; Fiscal 2019: 6,665; Fiscal 2018: 8,620")["6,665"]
    assert cell.near["receiv"] > 0.5
    assert cell.near["#2019"] > cell.near["#2018"]


def test_a_cell_of_a_table_with_pipes_has_them_too() -> None:
    cell = of("| Week | Billable | Other | | --- | --- | --- | | 5 days | 32 | 8 | | 3 days | 19 | 7 |")["19"]
    assert cell.near["#3"] > 0.5
    assert cell.near["billabl"] > cell.near.get("other", 0.0)


def test_columns_without_words_between_have_the_years_above_them() -> None:
    found = of("Ended 2019 2018 2017 Service $2,207 $2,036 $1,762 Cash 255 131 72 awards")
    assert {found[text].near["#2018"] for text in ("2,036", "131")} == {1.0}
    assert {found[text].near["#2018"] for text in ("2,207", "255", "72")} == {0.0}
