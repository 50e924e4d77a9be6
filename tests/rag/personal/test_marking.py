"""Each chunk of a text knows what stands in it, also what a cut went through; a document counts each once."""

from rag.documents import Chunk
from rag.personal.kinds import Identifiers, Kind
from rag.personal.marking import identifiers_of, marked
from rag.personal.masking import masked

TEXT = "Versez sur FR76 3000 6000 0112 3456 7890 189 ou écrivez à x@example.com. Merci."
CUT = TEXT.index("0112")


def cut(*places: int) -> tuple[Chunk, ...]:
    bounds = zip((0, *places), (*places, len(TEXT)), strict=True)
    return marked(TEXT, [Chunk(n, TEXT[start:end], None, (), start, end) for n, (start, end) in enumerate(bounds)])


def test_both_sides_of_a_cut_are_masked() -> None:
    first, second = cut(CUT)
    assert masked(first.text, first.identifiers) == "Versez sur [IBAN]"
    assert masked(second.text, second.identifiers) == "[IBAN] ou écrivez à [EMAIL]. Merci."


def test_an_identifier_counts_once_and_a_passage_counts_when_it_holds_some() -> None:
    both = ((Kind.IBAN, 1), (Kind.EMAIL, 1))
    assert identifiers_of(cut(CUT)) == Identifiers(both, 2)
    assert identifiers_of(cut(CUT, TEXT.index("Merci"))) == Identifiers(both, 2)


def test_nothing_is_known_and_not_none_where_nobody_looked() -> None:
    assert identifiers_of([Chunk(0, TEXT, None, (), 0, len(TEXT))]) is None
    assert identifiers_of(()) == Identifiers()
