"""What keeps a task from its result.

RagError
└── TaskFailed        what is asked cannot be done, and why: told to whoever asked
"""

from rag.documents import DocumentInfo
from rag.errors import RagError
from rag.tasks.work import Trouble


class TaskFailed(RagError):
    """There is nothing to show; `candidates` are documents of which one must be chosen."""

    def __init__(self, trouble: Trouble, candidates: tuple[DocumentInfo, ...] = ()) -> None:
        super().__init__(trouble.value)
        self.trouble, self.candidates = trouble, candidates
