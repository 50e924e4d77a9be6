"""Names are told from other capitals, and are known where passage, title or headings hold them."""

import pytest

from rag.answering.names import Name, is_known, known, names

PASSAGE = "La Commission nationale de l'informatique et des libertés conseille les européens. Marie Curie y répond."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("La mairie de Saint-Étienne et M. Dupont.", ["Saint", "Étienne", "Dupont"]),
        ("C'est l'Oréal, à Paris.", ["Oréal", "Paris"]),
        ("Under the Act, Microsoft's staff may.", ["Act", "Microsoft"]),
        ("On Monday 3 March the CNIL said", ["CNIL"]),
        ("Le délai : Trente jours. Ensuite, rien.", []),
    ],
)
def test_capitals_inside_a_sentence_are_names(text: str, expected: list[str]) -> None:
    assert [name.text for name in names(text) if not name.is_first] == expected


@pytest.mark.parametrize(
    ("name", "is_there"),
    [("Curie", True), ("CURIE", True), ("CNIL", True), ("CNAM", False), ("Européens", True), ("Pasteur", False)],
)
def test_a_name_is_known_by_its_word_or_initials(name: str, is_there: bool) -> None:
    assert is_known(Name(name), known(PASSAGE, ())) is is_there


def test_a_name_is_known_from_title_and_headings_and_in_the_other_language() -> None:
    held = known("Le texte est muet.", ("Rapport de Londres", "Étude"))
    assert is_known(Name("London"), held)
    assert is_known(Name("Etude"), held)
    assert not is_known(Name("Geneva"), held)
