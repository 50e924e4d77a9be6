"""What an installation decides of answering: how follow-ups are taken, how much is read, what is shown."""

from dataclasses import dataclass

from rag.answering.answer import FollowUp, Unsupported
from rag.answering.evidence import PASSAGE_TOKENS, PASSAGES_MAX


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    """`follow_up` None takes questions as they stand; `evidence_tokens` of up to `passages_max` passages are read.

    `unsupported` is what becomes of sentences that no passage supports.
    """

    follow_up: FollowUp | None = FollowUp.RULES
    evidence_tokens: int = PASSAGE_TOKENS
    passages_max: int = PASSAGES_MAX
    unsupported: Unsupported = Unsupported.MARK
