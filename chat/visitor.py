"""Who is at the other end of the request being served: set by the gate, read by the pages."""

from contextvars import ContextVar
from dataclasses import dataclass

from security.errors import AccessDenied
from security.identity import Principal

VISITOR = "huisclos.visitor"
"""Under this name the gate puts the visitor into the scope of a request."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in person and the token of their session."""

    principal: Principal
    token: str


_current: ContextVar[Visitor | None] = ContextVar("visitor", default=None)


def set_visitor(visitor: Visitor | None) -> None:
    """Say who is being served, for this request and the tasks it starts."""
    _current.set(visitor)


def current_visitor() -> Visitor:
    """The person being served; raises AccessDenied when nobody signed in."""
    visitor = _current.get()
    if visitor is None:
        raise AccessDenied("nobody is signed in; sign in again")
    return visitor
