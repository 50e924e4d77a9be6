"""Collections that are closed because they are not what was written: the others go on, and the person is told."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import chainlit as cl

from chat.logs import record_failure
from chat.markdown import escape
from chat.ui.mount import house
from rag.answering.answer import Searching
from rag.errors import StoreBroken
from security.access import Grant

_TOLD = "told"
_Event = TypeVar("_Event")


def open_grants(grants: Sequence[Grant]) -> list[Grant]:
    """Without the collections that are closed."""
    return [grant for grant in grants if not house().documents.integrity.is_closed(grant.collection_id)]


def from_open(grants: Sequence[Grant], answer: Callable[[Sequence[Grant]], Iterator[_Event]]) -> Iterator[_Event]:
    """What is answered from all grants; where a collection is found damaged meanwhile, once more from the others."""
    try:
        yield from answer(grants)
    except StoreBroken as error:
        left = open_grants(grants)
        if not left:
            raise
        record_failure("collection_closed", error)
        again = from_open(left, answer) if len(left) < len(grants) else answer(left)
        yield from (event for event in again if not isinstance(event, Searching))


async def tell_closed(grants: Sequence[Grant], words: dict[str, Any]) -> None:
    """Say once in a conversation which collections are closed."""
    told: set[str] = cl.user_session.get(_TOLD) or set()
    left = {grant.collection_id for grant in open_grants(grants)}
    closed = {grant.collection_id for grant in grants} - left - told
    if closed:
        cl.user_session.set(_TOLD, told | closed)
        names = ", ".join(sorted(escape(house().collections.get(each).name) for each in closed))
        await cl.Message(words["closed"].format(names=names)).send()
