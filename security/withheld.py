"""Text that must not be shown by accident."""


class Withheld(str):
    """A string whose repr is `<withheld>`: for questions, passages, answers, passwords in logs and tracebacks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<withheld>"
