"""Identifiers drawn for tests: their checks are computed here by the rules themselves, without the library."""

from hypothesis import strategies as st


def luhn_digit(number: str) -> str:
    """The digit that makes `number` pass Luhn's check when it is put behind it."""
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(number))]
    return str(-sum(value - 9 if value > 9 else value for value in doubled) % 10)


@st.composite
def nirs(draw: st.DrawFn) -> str:
    """NIRs of every department, Corsica too."""
    sex, year, month = draw(st.sampled_from("12")), draw(st.integers(0, 99)), draw(st.integers(1, 12))
    department = draw(st.sampled_from(["01", "75", "99", "2A", "2B"]))
    rest = draw(st.integers(1, 999_999))
    number = f"{sex}{year:02}{month:02}{department}{rest:06}"
    plain = int(number.replace("2A", "19").replace("2B", "18") if department[1] in "AB" else number)
    return f"{number}{97 - plain % 97:02}"


@st.composite
def sirens(draw: st.DrawFn) -> str:
    number = f"{draw(st.integers(10_000_000, 99_999_999))}"
    return number + luhn_digit(number)


@st.composite
def sirets(draw: st.DrawFn) -> str:
    siren = draw(sirens().filter(lambda number: number != "356000000"))
    number = f"{siren}{draw(st.integers(0, 9999)):04}"
    return number + luhn_digit(number)


@st.composite
def ibans(draw: st.DrawFn) -> str:
    country, length = draw(st.sampled_from([("FR", 23), ("DE", 18), ("BE", 12)]))
    account = "".join(draw(st.lists(st.sampled_from("0123456789"), min_size=length, max_size=length)))
    digits = "".join(str(int(letter, 36)) for letter in f"{account}{country}00")
    return f"{country}{98 - int(digits) % 97:02}{account}"


@st.composite
def cards(draw: st.DrawFn) -> str:
    head, length = draw(st.sampled_from([("4", 16), ("51", 16), ("2221", 16), ("34", 15), ("6011", 16)]))
    number = head + "".join(draw(st.lists(st.sampled_from("0123456789"), min_size=length, max_size=length)))
    number = number[: length - 1]
    return number + luhn_digit(number)
