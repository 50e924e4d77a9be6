"""Conversations as the model has read them: a follow-up adds to the prompt, and the engine reads only what is new."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.chat_format import ASSISTANT, USER, Message
from rag.answering.answer import Language, Turn
from rag.answering.prompt import asked, public_message
from rag.answering.quoting import quoted
from rag.documents import PassageId
from rag.retrieval.filters import Filter
from rag.retrieval.neighbours import Completed
from security.access import Grant
from security.identity import CollectionId

THREADS_MAX = 500
TOKENS_MAX = 2000
"""A longer conversation begins a new prompt, with its turns in a few lines: what is read long ago distracts."""


@dataclass(frozen=True, slots=True)
class Thread:
    """A prompt with its answer: `said` is the last exchange as the page has it, `tokens` what prompt and draft took."""

    messages: tuple[Message, ...]
    said: tuple[Turn, ...]
    read: frozenset[PassageId]
    collections: frozenset[CollectionId]
    within: Filter | None
    tokens: int

    def fits(self, language: Language, grants: Sequence[Grant], history: Sequence[Turn], within: Filter | None) -> bool:
        """Whether a question may go on from here: same conversation, language and filter, every right still held."""
        return (
            self.messages[:1] == (public_message(language),)
            and tuple(history[-len(self.said) :]) == self.said
            and self.within == within
            and self.collections <= {grant.collection_id for grant in grants}
        )


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages for the model, and what it will have read after them."""

    messages: tuple[Message, ...]
    read: frozenset[PassageId]
    collections: frozenset[CollectionId]

    def answered(self, said: Sequence[Turn], within: Filter | None, tokens: int) -> Thread:
        """The thread once the answer is there, as the person saw it."""
        whole = (*self.messages, Message(ASSISTANT, quoted(said[-1].content)))
        return Thread(whole, tuple(said), self.read, self.collections, within, tokens)


class Threads:
    """The newest conversations' prompts, in memory only. Any thread of the process may ask."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Thread] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, str]) -> Thread | None:
        """How far a person's conversation has come; None where it is not known, and where either is nobody's."""
        with self._lock:
            return self._kept.get(key)

    def drop(self, key: tuple[str, str]) -> None:
        """Forget a conversation."""
        with self._lock:
            self._kept.pop(key, None)

    def put(self, key: tuple[str, str], thread: Thread) -> None:
        """Remember a conversation, the least recent forgotten where there are too many."""
        if not all(key):
            return
        with self._lock:
            self._kept[key] = thread
            self._kept.move_to_end(key)
            while len(self._kept) > THREADS_MAX:
                self._kept.popitem(last=False)


def begun(messages: tuple[Message, ...], read: Sequence[Completed]) -> Prompt:
    """A prompt that stands for itself."""
    return _with(messages, read, frozenset(), frozenset())


def continued(thread: Thread, read: Sequence[Completed], question: str, count: Callable[[str], int]) -> Prompt | None:
    """The thread with a question and the passages that it has not read yet; None where that grows too long."""
    new = [item for item in read if item.passage.id not in thread.read]
    text = asked(new, question)
    if thread.tokens + count(text) > TOKENS_MAX:
        return None
    return _with((*thread.messages, Message(USER, text)), new, thread.read, thread.collections)


def _with(
    messages: tuple[Message, ...],
    new: Sequence[Completed],
    read: frozenset[PassageId],
    collections: frozenset[CollectionId],
) -> Prompt:
    ids = frozenset(item.passage.id for item in new)
    return Prompt(messages, read | ids, collections | {item.passage.document.collection_id for item in new})
