from security.withheld import Withheld


def test_withheld_text_is_text_whose_repr_hides_it() -> None:
    question = Withheld("who is dismissed?")
    assert repr(question) == "<withheld>"
    assert repr([question]) == "[<withheld>]"
    assert f"{question!r}" == "<withheld>"
    assert question == "who is dismissed?"
