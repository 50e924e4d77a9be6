"""A database and a keyring that belong together: a server's address is easily one letter off."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, select

from chat.errors import DatabaseUnusable
from rag.store.tables import collections
from security.errors import AuditBroken, OlderState, SealBroken
from security.tables import audit_head, users


def check_belongs(*opened: Callable[[], Any]) -> None:
    """Raise DatabaseUnusable where sealed values are there, or should be, and none opens. Stops at one that does.

    Each of `opened` opens values of a kind and gives what it found. One kind that was changed is for the audit to tell.
    """
    is_refused = False
    for values in opened:
        try:
            if values():
                return
        except OlderState:
            return  # it opens, and its age is told by whoever uses it
        except (AuditBroken, SealBroken):
            is_refused = True
    if is_refused:
        raise DatabaseUnusable(
            "nothing in the database opens with the keyring of this state folder: it is another house's, or was "
            "emptied; correct setting store.database, put the keyring back that belongs to it, or bring a backup back "
            "with `huisclos restore`"
        )


def check_unused(engine: Engine) -> None:
    """Raise DatabaseUnusable where a house without a keyring finds values of another."""
    with engine.connect() as connection:
        held = [connection.execute(select(table).limit(1)).first() for table in (audit_head, users, collections)]
    if any(held):
        raise DatabaseUnusable(
            "the database holds values of a house whose keyring is not in this state folder; name an empty one in "
            "setting store.database, or put that keyring back with `huisclos keys restore`"
        )
