"""How a command ends: an exit code, and one sentence for what went wrong. The same in process and over the socket.

0 DONE      it was done; an answer that refuses for want of evidence is an answer
1 FAILED    it was not done, or a check found something wrong; the sentence says what to do
2 USAGE     what was given cannot be used: an unknown option, a missing file, a malformed batch
3 REFUSED   no right to it, no such thing for this person, or the keys do not open
4 UNWRITTEN the model is away, busy or failed: what was found is printed, and asked again it may be answered
"""

import sqlite3
from dataclasses import dataclass
from enum import IntEnum

from chat.errors import ChatError, GoldWrong, Refused
from models.errors import ModelError
from rag.errors import FilterWrong, RagError
from security.errors import AccessDenied, InsecureState, KeyringLocked, SecurityError


class ExitCode(IntEnum):
    """What the shell sees."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    UNWRITTEN = 4


@dataclass(frozen=True, slots=True)
class Failure:
    """An exit code with the sentence that goes to standard error."""

    code: ExitCode
    message: str


class InputWrong(ChatError):
    """A file or text that was given cannot be used; the message names the place and the remedy."""


class RemoteFailure(ChatError):
    """The server's answer to an operation that failed there."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


EXPECTED = (ChatError, ModelError, RagError, SecurityError)
REFUSALS = (Refused, AccessDenied, InsecureState, KeyringLocked)


def failure_of(error: Exception) -> Failure:
    """Name the end that an error means. The sentence of an unforeseen one tells its type and never its content."""
    match error:
        case RemoteFailure():
            return error.failure
        case InputWrong() | FilterWrong() | GoldWrong():
            return Failure(ExitCode.USAGE, str(error))
        case _ if isinstance(error, REFUSALS):
            return Failure(ExitCode.REFUSED, str(error))
        case _ if isinstance(error, EXPECTED):
            return Failure(ExitCode.FAILED, str(error))
        case OSError():
            return Failure(ExitCode.FAILED, _disk_sentence(error))
    cause = getattr(error, "orig", None)  # SQLAlchemy wraps the driver's own error
    if isinstance(cause, sqlite3.Error):
        remedy = "check the disk (space, rights, mounted read-only) and run the command again"
        return Failure(ExitCode.FAILED, f"the database cannot be used: {cause}; {remedy}")
    if cause is not None:  # a server's own sentence may quote values
        remedy = "see that it runs, and its log, then run the command again"
        return Failure(ExitCode.FAILED, f"the database server refused, or went away; {remedy}")
    remedy = "set HUISCLOS_TRACE=1 to see where, and report it"
    return Failure(ExitCode.FAILED, f"stopped by an unforeseen {type(error).__name__}; {remedy}")


def _disk_sentence(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or type(error).__name__}; check the path, its rights and the disk, then run again"
