"""Numbers that stand nowhere and follow from numbers that do, where the question asks for such a result."""

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, localcontext
from enum import StrEnum
from itertools import permutations

from rag.answering.numbers import Number
from rag.answering.sentences import level

SIGNIFICANT_MIN = 3
"""A rounded result counts from three significant digits on: shorter ones are met by chance."""
NUMBERS_MAX = 60
"""Numbers of a passage that are tried with each other."""
RUN_MAX = 12
"""Neighbouring numbers that are added up, or of which the mean is taken."""
_YEARS = range(1900, 2101)


class Operation(StrEnum):
    """What a question asks to be worked out."""

    DIFFERENCE = "difference"
    SUM = "sum"
    MEAN = "mean"
    RATIO = "ratio"
    PERCENTAGE = "percentage"


_CHANGE = (
    r"\bchang\w+|\bincreas\w+|\bdecreas\w+|\bdifferen[ct]\w*|\bvariations?\b|\becarts?\b|\bevolu\w+|\bhausses?\b|\bbaiss\w+"
    r"|\baugment\w+|\bdiminu\w+|\bhow (?:much|many) (?:more|less|fewer|higher|lower)\b|\bcombien de (?:plus|moins)\b"
)
_ASKED = {
    Operation.DIFFERENCE: re.compile(_CHANGE),
    Operation.PERCENTAGE: re.compile(
        rf"{_CHANGE}|%|\bper ?cent\w*|\bpour ?cent\w*|\bshares? of\b|\bparts? d[eu']|\bproportions?\b"
    ),
    Operation.SUM: re.compile(r"\btotal\w*|\bsums?\b|\bsommes?\b|\bcombined\b|\baltogether\b|\btotaux\b|\bcumul\w+"),
    Operation.MEAN: re.compile(r"\baverages?\b|\bmeans?\b|\bmoyennes?\b"),
    Operation.RATIO: re.compile(r"\bratios?\b|\brapports?\b|\bhow many times\b|\bcombien de fois\b"),
}
_PAIRS: dict[Operation, Callable[[Decimal, Decimal], Decimal]] = {
    Operation.DIFFERENCE: lambda one, other: one - other,
    Operation.RATIO: lambda one, other: one / other,
    Operation.PERCENTAGE: lambda one, other: (one - other) / other * 100,
}


def asked(question: str) -> frozenset[Operation]:
    """What the question asks to be worked out; nothing, for most."""
    levelled = level(question)
    return frozenset(operation for operation, pattern in _ASKED.items() if pattern.search(levelled))


def operands(result: Number, rows: Sequence[Sequence[Number]], wanted: frozenset[Operation]) -> tuple[Number, ...]:
    """The numbers of one passage, row by row, of which the result is worked out; none where there are no such."""
    held = [[number for number in row if number.is_firm and not _is_year(number)] for row in rows]
    with localcontext(prec=20):
        for found, value in _results(held, wanted):
            if _is(result, value):
                return found
    return ()


def _results(rows: list[list[Number]], wanted: frozenset[Operation]) -> Iterator[tuple[tuple[Number, ...], Decimal]]:
    """Every result over numbers of a row, then of a column, then of any two."""
    every = [number for row in rows for number in row][:NUMBERS_MAX]
    columns = [[row[place] for row in rows if len(row) > place] for place in range(max(map(len, rows), default=0))]
    for line in (*rows, *columns):
        yield from _runs(line, wanted)
    for line in (*rows, every):
        for pair in permutations(line[:NUMBERS_MAX], 2):
            yield from _of_two(*pair, wanted)


def _runs(line: Sequence[Number], wanted: frozenset[Operation]) -> Iterator[tuple[tuple[Number, ...], Decimal]]:
    for start in range(len(line)):
        for end in range(start + 2, min(len(line), start + RUN_MAX) + 1):
            run = tuple(line[start:end])
            total = sum((number.value for number in run), Decimal())
            if Operation.SUM in wanted:
                yield run, total
            if Operation.MEAN in wanted:
                yield run, total / len(run)


def _of_two(one: Number, other: Number, wanted: frozenset[Operation]) -> Iterator[tuple[tuple[Number, ...], Decimal]]:
    for operation in (operation for operation in _PAIRS if operation in wanted):
        if operation is Operation.DIFFERENCE or other.value:
            yield (one, other), _PAIRS[operation](one.value, other.value)
    if Operation.PERCENTAGE in wanted and other.value:
        yield (one, other), one.value / other.value * 100


def _is(result: Number, value: Decimal) -> bool:
    """Whether the value is the result, exactly or rounded as that is written; a sign is told in words."""
    value = abs(value)
    if any(value == each for each in (result.value, result.bare)):
        return True
    if len(result.bare.as_tuple().digits) < SIGNIFICANT_MIN:
        return False
    places = Decimal(1).scaleb(int(result.bare.as_tuple().exponent))
    return any(each == result.bare for each in (value.quantize(places), value.scaleb(-result.scale).quantize(places)))


def _is_year(number: Number) -> bool:
    return not number.unit and not number.scale and number.value in _YEARS
