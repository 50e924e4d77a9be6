"""What people sent to the owners of a collection: a thumb, with the question, the answer and the passages it stands on.

Sent with the right to read and read with the right to manage. It names nobody: the id is a keyed digest of person and
message, so that a report sent again replaces the first and can be taken back, and `sender` one of person and day.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from threading import Lock
from typing import Any, NewType

from rag.errors import ReportRefused, ReportUnknown
from rag.personal.masking import masked
from rag.personal.policy import Policy
from rag.store.sealed_rows import SealedRows
from rag.store.serving import Policies
from security.access import Grant, Right
from security.clock import Clock, utc_now
from security.identity import UserId
from security.sealing import DataKey, frame

ReportId = NewType("ReportId", str)
REPORTS_A_DAY = 20
"""Of one person to one collection."""
REPORTS_MAX = 1000
"""That wait for the owners of a collection."""
_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class ReportedPassage:
    """A passage that was read for the answer, as it stood then; `quotes` are the parts of it that were cited.

    `passage` is its id, empty in what was sent before ids were; it names nothing once the document was loaded anew.
    """

    document: str
    doc: str
    title: str
    page: int | None
    text: str
    quotes: tuple[str, ...]
    passage: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A thumb on an answer. `reason` says why there was none, or is empty; `passages` are of one collection alone.

    `answer` holds the sentences that stand on this collection; what others supported is left out. `day` is ISO 8601.
    """

    is_helpful: bool
    comment: str
    question: str
    answer: str
    reason: str
    model: str
    passages: tuple[ReportedPassage, ...]
    day: str = ""
    id: ReportId = ReportId("")


class Reports:
    """Every report of every collection. Where a collection masks personal data, reports are masked too."""

    def __init__(self, rows: SealedRows, policies: Callable[[Grant], Policies], clock: Clock = utc_now) -> None:
        self._rows, self._policies, self._clock = rows, policies, clock
        self._turn = Lock()  # reports are counted, then one more is written

    def send(self, grant: Grant, sender: UserId, message: str, report: Report) -> ReportId:
        """Give the owners a report on a message. Raises ReportRefused at the bounds, AccessDenied without READ."""
        day = self._clock().date().isoformat()
        with self._turn:
            key = self._rows.key(grant, Right.READ)
            identifier, mark = _identifier(key, sender, message), _sender(key, sender, day)
            others = [about for each, about in self._rows.all(key, grant).items() if each != identifier]
            _check_room(others, mark)
            about = {**asdict(self._shown(grant, report)), "day": day, "sender": mark}
            self._rows.put(grant, Right.READ, identifier, {name: about[name] for name in about if name != "id"})
        return identifier

    def withdraw(self, grant: Grant, sender: UserId, message: str) -> bool:
        """Take a report back; tells whether there was one."""
        return self._rows.drop(grant, Right.READ, _identifier(self._rows.key(grant, Right.READ), sender, message))

    def all(self, grant: Grant) -> tuple[Report, ...]:
        """The reports of a collection, oldest first."""
        held = self._rows.all(self._rows.key(grant), grant).items()
        found = (self._shown(grant, _read(ReportId(identifier), about)) for identifier, about in held)
        return tuple(sorted(found, key=lambda report: (report.day, report.id)))

    def find(self, grant: Grant, report_id: str) -> Report:
        """One of them. Raises ReportUnknown."""
        for report in self.all(grant):
            if report.id == report_id:
                return report
        raise ReportUnknown("there is no such report; see `huisclos feedback list`")

    def drop(self, grant: Grant, report_id: str) -> None:
        """Remove a report. Raises ReportUnknown."""
        if not self._rows.drop(grant, Right.MANAGE, report_id):
            raise ReportUnknown("there is no such report; see `huisclos feedback list`")

    def _shown(self, grant: Grant, report: Report) -> Report:
        is_masked = self._policies(grant).personal_data is Policy.MASK
        return masked_report(report) if is_masked else report


def masked_report(report: Report) -> Report:
    """A report as it may be read where identifiers are masked."""
    passages = tuple(
        replace(
            passage,
            doc=masked(passage.doc),
            title=masked(passage.title),
            text=masked(passage.text),
            quotes=tuple(map(masked, passage.quotes)),
        )
        for passage in report.passages
    )
    comment, question, answer = map(masked, (report.comment, report.question, report.answer))
    return replace(report, comment=comment, question=question, answer=answer, passages=passages)


def _identifier(key: DataKey, sender: UserId, message: str) -> ReportId:
    return ReportId(key.blind("report", frame(sender.encode(), message.encode()))[:_ID_BYTES].hex())


def _sender(key: DataKey, sender: UserId, day: str) -> str:
    return key.blind("report sender", frame(sender.encode(), day.encode())).hex()


def _check_room(others: Sequence[Mapping[str, Any]], mark: str) -> None:
    if sum(about["sender"] == mark for about in others) >= REPORTS_A_DAY:
        raise ReportRefused(f"{REPORTS_A_DAY} reports went to this collection today; send more tomorrow")
    if len(others) >= REPORTS_MAX:
        raise ReportRefused(f"{REPORTS_MAX} reports wait for the owners; they drop some with `huisclos feedback drop`")


def _read(identifier: ReportId, about: Mapping[str, Any]) -> Report:
    passages = tuple(ReportedPassage(**{**each, "quotes": tuple(each["quotes"])}) for each in about["passages"])
    kept = {name: about[name] for name in ("is_helpful", "comment", "question", "answer", "reason", "model", "day")}
    return Report(**kept, passages=passages, id=identifier)
