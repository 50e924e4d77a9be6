"""A stop string cuts the text wherever the pieces fall."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from models.stop_text import StopText

SHORT = st.text("ab\n", max_size=4)


def _given_on(pieces: list[str], stops: list[str]) -> tuple[str, bool]:
    text, out = StopText(stops), ""
    for piece in pieces:
        out += text.feed(piece)
        if text.is_stopped:
            return out, True
    return out + text.rest(), False


@given(st.lists(SHORT, max_size=8), st.lists(SHORT, max_size=3))
def test_pieces_give_what_the_whole_text_gives(pieces: list[str], stops: list[str]) -> None:
    whole = "".join(pieces)
    ends = [len("".join(pieces[:count])) for count in range(1, len(pieces) + 1)]
    for end in ends:  # the first piece that completes a stop string ends the text
        found = [place for stop in stops if stop and (place := whole[:end].find(stop)) >= 0]
        if found:
            assert _given_on(pieces, stops) == (whole[: min(found)], True)
            return
    assert _given_on(pieces, stops) == (whole, False)


def test_text_that_cannot_begin_a_stop_string_is_not_held_back() -> None:
    text = StopText(["\n\nUser:"])
    assert [text.feed(piece) for piece in ("Hello.", "\n", "\nBye", "\n\nUs", "er: x")] == [
        "Hello.",
        "",
        "\n\nBye",
        "",
        "",
    ]
    assert text.is_stopped


def test_a_stop_string_split_anywhere_is_found() -> None:
    for cut in range(1, 7):
        pieces = ["abc<END>d"[:cut], "abc<END>d"[cut:]]
        assert _given_on(pieces, ["<END>"]) == ("abc", True)


def test_no_stop_string_lets_all_through() -> None:
    assert list(itertools.chain(StopText([]).feed("abc"))) == ["a", "b", "c"]
