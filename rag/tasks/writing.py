"""One call of the model for a part of a task: what it wrote, without marks, and the place in line while it waits."""

import threading
from collections.abc import Generator as Generator_
from collections.abc import Sequence

from models.chat_format import Message
from models.generation import Done, GenerationRequest, Generator, Token, Waiting
from rag.answering.answer import Queued, Written
from rag.answering.checking import Aligned, plain
from rag.answering.prompt import quote
from rag.documents import Passage, RankedPassage
from rag.retrieval.neighbours import Completed
from rag.tasks.errors import TaskFailed
from rag.tasks.work import Trouble


class _Call(threading.Event):
    """The flag of one call, which its generator sets at the end; the task's own flag counts too, and stays as it is."""

    def __init__(self, task: threading.Event) -> None:
        super().__init__()
        self._task = task

    def is_set(self) -> bool:
        return super().is_set() or self._task.is_set()


def write(
    generator: Generator,
    messages: tuple[Message, ...],
    tokens_max: int,
    cancelled: threading.Event,
    *,
    is_shown: bool = False,
) -> Generator_[Queued | Written, None, str]:
    """What the model writes, plain; with `is_shown`, told as it comes too.

    Raises TaskFailed where it was stopped: half a part is none.
    """
    text = ""
    for event in generator.generate(GenerationRequest(messages, tokens_max), _Call(cancelled)):
        if isinstance(event, Waiting):
            yield Queued(event.place, event.seconds)
        elif isinstance(event, Token):
            text += event.text
            if is_shown:
                yield Written(event.text)
        elif isinstance(event, Done) and event.reason == "cancelled":
            raise TaskFailed(Trouble.STOPPED)
    return plain(text)


def asked(system: str, passages: Sequence[RankedPassage], order: str) -> tuple[Message, ...]:
    """Messages with passages quoted as data, as a question has them, below a public system message of the task."""
    read = "\n".join(quote(Completed(item.passage)) for item in passages)
    return Message("system", system), Message("user", f"{read}\n\n{order}")


def is_said(sentence: Aligned) -> bool:
    """Whether passages say it; where they only ask it, they do not."""
    quotes = [citation.quote.rstrip(' »”"') for citation in sentence.support.citations]
    return any(not quote.endswith("?") for quote in quotes)


def ranked(passages: Sequence[Passage]) -> tuple[RankedPassage, ...]:
    """Passages as a search would give them, in reading order."""
    return tuple(RankedPassage(passage, 0.0) for passage in passages)
