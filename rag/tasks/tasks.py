"""The one door to every task: a request with grants in, events out, whatever goes wrong told as a result."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from rag.answering.answerer import QUESTION_CHARACTERS_MAX, person_of
from rag.answering.refusal import UNABLE, reason_of
from rag.errors import IndexUnavailable
from rag.retrieval.words import language_of, spoken
from rag.tasks.comparing import compare
from rag.tasks.drafting import draft
from rag.tasks.errors import TaskFailed
from rag.tasks.listing import list_documents
from rag.tasks.summarising import summarise
from rag.tasks.tools import Tools
from rag.tasks.translating import translate
from rag.tasks.ungrounded import answer_alone
from rag.tasks.work import Delivered, Request, Task, TaskEvent, Trouble, Work
from security.access import Grant

_Run = Callable[[Tools, Sequence[Grant], Request, threading.Event], Iterator[TaskEvent]]
_RUNS: dict[Task, _Run] = {
    Task.LIST: list_documents,
    Task.SUMMARISE: summarise,
    Task.COMPARE: compare,
    Task.TRANSLATE: translate,
    Task.DRAFT: draft,
    Task.WITHOUT_DOCUMENTS: answer_alone,
}


def allowed_tasks(*, without_documents: bool) -> tuple[Task, ...]:
    """Those that may be asked for: the model alone only where IT allows it."""
    return tuple(task for task in Task if task is not Task.WITHOUT_DOCUMENTS or without_documents)


class Tasks:
    """Does what is asked over granted collections and nothing else."""

    def __init__(self, tools: Tools, *, allows_without_documents: bool = False) -> None:
        self._tools = tools
        self._allowed = allowed_tasks(without_documents=allows_without_documents)

    def run(
        self, task: Task, grants: Sequence[Grant], request: Request, cancelled: threading.Event | None = None
    ) -> Iterator[TaskEvent]:
        """Events up to Delivered. StoreBroken passes."""
        try:
            self._check(task, request)
            for event in _RUNS[task](
                self._tools.on_behalf(person_of(grants)), grants, request, cancelled or threading.Event()
            ):
                yield _narrowed(event, request)
        except TaskFailed as error:
            yield Delivered(_without(task, request, error))
        except IndexUnavailable:
            yield Delivered(_without(task, request, TaskFailed(Trouble.UNREADY)))
        except UNABLE as error:
            yield Delivered(_without(task, request, TaskFailed(Trouble(reason_of(error).value))))

    def _check(self, task: Task, request: Request) -> None:
        if task not in self._allowed:
            raise TaskFailed(Trouble.NOT_ALLOWED)
        if len(request.text) > QUESTION_CHARACTERS_MAX:
            raise TaskFailed(Trouble.TOO_LONG)


def _narrowed(event: TaskEvent, request: Request) -> TaskEvent:
    """The event; a result says what was looked at."""
    return Delivered(replace(event.work, within=request.within)) if isinstance(event, Delivered) else event


def _without(task: Task, request: Request, error: TaskFailed) -> Work:
    language = spoken(request.text) or request.otherwise or language_of(request.text)
    return Work(task, language, trouble=error.trouble, candidates=error.candidates, within=request.within)
