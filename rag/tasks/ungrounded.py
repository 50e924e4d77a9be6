"""An answer of the model alone: nothing is searched, nothing is cited, and every line says that it is not grounded."""

import threading
from collections.abc import Iterator, Sequence

from models.chat_format import Message
from rag.answering.answer import Language
from rag.answering.sentences import split_sentences
from rag.retrieval.words import language_of, spoken
from rag.tasks.errors import TaskFailed
from rag.tasks.tools import Tools
from rag.tasks.work import Delivered, Line, Request, Section, Standing, Task, TaskEvent, Trouble, Work
from rag.tasks.writing import write
from security.access import Grant

ANSWER_TOKENS_MAX = 400
_SYSTEM = {
    Language.FRENCH: (
        "Tu aides un employé. Tu ne connais aucun document de son entreprise. Réponds brièvement, en français."
    ),
    Language.ENGLISH: "You help an employee. You know no document of their company. Answer briefly, in English.",
}


def answer_alone(
    tools: Tools, _grants: Sequence[Grant], request: Request, cancelled: threading.Event
) -> Iterator[TaskEvent]:
    """Events up to Delivered; what is written is told as it comes."""
    if not request.text.strip():
        raise TaskFailed(Trouble.EMPTY)
    language = spoken(request.text) or request.otherwise or language_of(request.text)
    messages = (Message("system", _SYSTEM[language]), Message("user", request.text))
    text = yield from write(tools.generator(), messages, ANSWER_TOKENS_MAX, cancelled, is_shown=True)
    lines = tuple(Line(text[start:end], Standing.UNGROUNDED) for start, end in split_sentences(text))
    yield Delivered(Work(Task.WITHOUT_DOCUMENTS, language, (Section("", lines),), total=len(lines)))
