"""What the owners of a collection judge it by, sealed with it: reports of people, their own questions, their runs."""

from collections.abc import Callable
from threading import Lock

from sqlalchemy import Engine

from rag.store.evaluations import Evaluations
from rag.store.questions import Questions
from rag.store.reports import Reports
from rag.store.sealed_rows import SealedRows
from rag.store.serving import Policies
from rag.store.tables import evaluations, questions, reports
from security.access import Grant
from security.sealing import DataKey


class Quality:
    """The three of them. `key` opens a collection for a grant, `writing` is the store's lock."""

    def __init__(
        self,
        engine: Engine,
        key: Callable[[Grant], DataKey],
        writing: Lock,
        policies: Callable[[Grant], Policies],
    ) -> None:
        held = {table: SealedRows(table, engine, key, writing) for table in (reports, questions, evaluations)}
        self.reports = Reports(held[reports], policies)
        self.questions = Questions(held[questions])
        self.evaluations = Evaluations(held[evaluations])
