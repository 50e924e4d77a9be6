"""What was said before, within a budget: the last turns whole, older ones in a line each, the oldest counted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag.answering.answer import Language, Turn
from rag.answering.sentences import split_sentences

LINE_CHARACTERS = 100
"""What is kept of an older question, and of its answer's first sentence."""
LINES_SHARE = 0.4
"""The part of the budget that older exchanges may take."""

_EARLIER = {Language.FRENCH: "Plus tôt dans la conversation :", Language.ENGLISH: "Earlier in the conversation:"}
_LEFT_OUT = {
    Language.FRENCH: "({count} échanges plus anciens ne sont pas repris)",
    Language.ENGLISH: "({count} older exchanges are left out)",
}


@dataclass(frozen=True, slots=True)
class Remembered:
    """Turns that fit, oldest first, beginning with a question, and `summary`: the lines of what came before them.

    `shortened` exchanges stand in a line each, `left_out` are only counted there.
    """

    turns: tuple[Turn, ...] = ()
    summary: str = ""
    shortened: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class _Exchange:
    question: str
    answer: str

    @property
    def turns(self) -> tuple[Turn, ...]:
        answered = (Turn("assistant", self.answer),) if self.answer else ()
        return (Turn("user", self.question), *answered)

    @property
    def line(self) -> str:
        """The question and the first sentence of the answer."""
        spans = split_sentences(self.answer)
        first = self.answer[slice(*spans[0])] if spans else ""
        return "- " + " → ".join(_short(part) for part in (self.question, first) if part)


def remember(
    history: Sequence[Turn], budget: int, count_tokens: Callable[[str], int], language: Language
) -> Remembered:
    """The conversation within `budget` tokens. What is not whole is counted, so that the page can say so."""

    def cost(exchange: _Exchange) -> int:
        return sum(count_tokens(turn.content) for turn in exchange.turns)

    exchanges = _exchanges(history)
    if sum(map(cost, exchanges)) <= budget:
        return Remembered(_turns(exchanges))
    for_lines = int(budget * LINES_SHARE)
    older, kept = _split(exchanges, budget - for_lines, cost)
    frame = count_tokens("\n".join((_EARLIER[language], _LEFT_OUT[language].format(count=len(older)))))
    gone, shortened = _split(older, for_lines - frame, lambda each: count_tokens(f"{each.line}\n"))
    return Remembered(_turns(kept), _summary(shortened, len(gone), language), len(shortened), len(gone))


def _exchanges(history: Sequence[Turn]) -> list[_Exchange]:
    """Each question with what was answered, oldest first; turns of other roles are nobody's."""
    found: list[_Exchange] = []
    for turn in history:
        if turn.role == "user":
            found.append(_Exchange(turn.content, ""))
        elif turn.role == "assistant" and found:
            last = found[-1]
            found[-1] = _Exchange(last.question, "\n".join(filter(None, (last.answer, turn.content))))
    return found


def _split(
    exchanges: Sequence[_Exchange], budget: int, cost: Callable[[_Exchange], int]
) -> tuple[Sequence[_Exchange], Sequence[_Exchange]]:
    """What does not fit the budget, and the newest that do without a gap."""
    spent = 0
    for place in range(len(exchanges) - 1, -1, -1):
        spent += cost(exchanges[place])
        if spent > budget:
            return exchanges[: place + 1], exchanges[place + 1 :]
    return (), exchanges


def _summary(shortened: Sequence[_Exchange], gone: int, language: Language) -> str:
    if not shortened and not gone:
        return ""
    left_out = [_LEFT_OUT[language].format(count=gone)] if gone else []
    return "\n".join((_EARLIER[language], *left_out, *(each.line for each in shortened)))


def _turns(exchanges: Sequence[_Exchange]) -> tuple[Turn, ...]:
    return tuple(turn for each in exchanges for turn in each.turns)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LINE_CHARACTERS else f"{line[: LINE_CHARACTERS - 1].rstrip()}…"
