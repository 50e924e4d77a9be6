"""Chainlit's storage over our sealed conversations. Every call acts for the visitor of the request."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from chainlit.data.base import BaseDataLayer
from chainlit.data.utils import queue_until_user_message
from chainlit.element import Element, ElementDict
from chainlit.step import StepDict
from chainlit.types import Feedback, PageInfo, PaginatedResponse, Pagination, ThreadDict, ThreadFilter
from chainlit.user import PersistedUser, User

from chat.conversations import Conversations, Thread, ThreadId
from chat.feedback import Feedback as OwnersFeedback
from chat.lookout import Lookout
from chat.visitor import current_visitor
from security.directory import Directory
from security.errors import AccessDenied
from security.identity import Principal, UserId

THREADS_PAGE_MAX = 50
Offer = Callable[[str], Awaitable[None]]
"""Says of a message that was rated that the rating may go to owners."""


class SealedDataLayer(BaseDataLayer):
    """Threads, steps, elements and feedback of one person, who is always the visitor."""

    def __init__(
        self,
        conversations: Conversations,
        directory: Directory,
        feedback: OwnersFeedback,
        offer: Offer,
        forget: Callable[[str, str], None],
    ) -> None:
        """`forget` has the model forget a person's conversation."""
        self._conversations, self._directory, self._feedback = conversations, directory, feedback
        self._offer, self._forget = offer, forget
        self._lookout = Lookout(conversations)

    async def get_user(self, identifier: str) -> PersistedUser | None:
        """The person of that id; nobody when the account is gone or disabled."""
        record = self._directory.user(UserId(identifier))
        if record is None or record.disabled:
            return None
        created = record.created_at.isoformat()
        return PersistedUser(id=record.id, identifier=record.id, createdAt=created, display_name=record.name)

    async def create_user(self, user: User) -> PersistedUser | None:
        """People are made by IT, never by signing in."""
        raise AccessDenied("this account does not exist; ask IT for one")

    async def upsert_feedback(self, feedback: Feedback) -> str:
        """A thumb on one of the visitor's own conversations."""
        kept: str = await self._act(self._conversations.rate, feedback.forId, feedback.value, feedback.comment)
        await self._offer(feedback.forId)
        return kept

    async def delete_feedback(self, feedback_id: str) -> bool:
        """Take a thumb back, and what was sent of it to the owners of collections."""
        step_id = await self._act(self._conversations.rated, feedback_id)
        await self._act(self._feedback.withdraw, step_id)
        await self._act(self._conversations.unrate, feedback_id)
        return True

    @queue_until_user_message()  # or each visit that asks nothing would leave a conversation without a name
    async def create_step(self, step_dict: StepDict) -> None:
        """Keep a message."""
        await self._act(self._conversations.put_step, ThreadId(step_dict["threadId"]), step_dict["id"], step_dict)

    @queue_until_user_message()
    async def update_step(self, step_dict: StepDict) -> None:
        """Replace a message."""
        await self.create_step(step_dict)

    async def delete_step(self, step_id: str) -> None:
        """Messages go with their conversation only."""

    async def create_element(self, element: Element) -> None:
        """Sources are links to our own pages; the view's elements would lie in clear files."""
        raise NotImplementedError("the chat shows no elements")

    async def get_element(self, thread_id: str, element_id: str) -> ElementDict | None:
        """There is none."""
        return None

    async def delete_element(self, element_id: str, thread_id: str | None = None) -> None:
        """There is none."""

    async def get_thread_author(self, thread_id: str) -> str:
        """The visitor's id for their own conversation, nothing for any other."""
        try:
            found = await self._act(self._conversations.find, ThreadId(thread_id))
        except AccessDenied:
            return ""
        return current_visitor().principal.user_id if found else ""

    async def delete_thread(self, thread_id: str) -> None:
        """Delete a conversation."""
        await self._act(self._conversations.remove, ThreadId(thread_id))
        self._forget(current_visitor().principal.user_id, thread_id)

    async def list_threads(self, pagination: Pagination, filters: ThreadFilter) -> PaginatedResponse[ThreadDict]:
        """A page of the visitor's conversations, without messages."""
        await self._act(self._lookout.look)
        threads: tuple[Thread, ...] = await self._act(self._conversations.list)
        if filters.search:
            threads = tuple(item for item in threads if filters.search.casefold() in item.name.casefold())
        start = next((i + 1 for i, item in enumerate(threads) if item.id == pagination.cursor), 0)
        page = threads[start : start + min(pagination.first, THREADS_PAGE_MAX)]
        has_more = start + len(page) < len(threads)
        ends = (page[0].id, page[-1].id) if page else (None, None)
        info = PageInfo(hasNextPage=has_more, startCursor=ends[0], endCursor=ends[1])
        return PaginatedResponse(pageInfo=info, data=[self._thread_dict(item, []) for item in page])

    async def get_thread(self, thread_id: str) -> ThreadDict | None:
        """One of the visitor's own conversations, with its messages."""
        try:
            found = await self._act(self._conversations.find, ThreadId(thread_id))
        except AccessDenied:
            return None
        if found is None:
            return None
        return self._thread_dict(found, list(await self._act(self._conversations.steps, found.id)))

    async def update_thread(
        self,
        thread_id: str,
        name: str | None = None,
        user_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        tags: list[str] | None = None,
    ) -> None:
        """Make, name or describe a conversation of the visitor. One in which nothing was asked yet is not made."""
        if name is not None or await self._act(self._conversations.find, ThreadId(thread_id)):
            await self._act(self._conversations.put, ThreadId(thread_id), name, metadata)

    async def build_debug_url(self) -> str:
        """There is none."""
        return ""

    async def close(self) -> None:
        """The house closes the database."""

    async def get_favorite_steps(self, user_id: str) -> list[StepDict]:
        """Favourites are off."""
        return []

    async def _act(self, method: Any, *arguments: Any) -> Any:
        """Call a method of the conversations for the visitor, off the event loop."""
        return await asyncio.to_thread(lambda: method(self._owner(), *arguments))

    def _owner(self) -> Principal:
        """The visitor while their session lasts: a socket stays open when it has ended."""
        principal = self._directory.session(current_visitor().token)
        if principal is None:
            raise AccessDenied("the session has ended; sign in again")
        return principal

    def _thread_dict(self, thread: Thread, steps: list[Any]) -> ThreadDict:
        owner = current_visitor().principal.user_id
        return ThreadDict(
            id=thread.id,
            createdAt=thread.updated_at.isoformat(),
            name=thread.name,
            userId=owner,
            userIdentifier=owner,
            tags=[],
            metadata=dict(thread.metadata),
            steps=steps,
            elements=[],
        )
