"""A question that an owner asks again and again, where the documents answer it, and what a right answer says."""

from dataclasses import dataclass
from typing import NewType

from rag.errors import QuestionRefused

QuestionId = NewType("QuestionId", str)
MARK = "#"
GOLDS_MAX = 20
ANSWERS_MAX = 20
"""Wordings of a right answer."""


@dataclass(frozen=True, slots=True)
class Gold:
    """A document that answers a question, by its path; `page` (from 1) where one page does, None for any.

    `passage` is the text that answers it, where that is known: it tells a right citation where there are no pages.
    """

    doc: str
    page: int | None = None
    passage: str = ""

    def __str__(self) -> str:
        return self.doc if self.page is None else f"{self.doc}{MARK}{self.page}"

    def is_at(self, doc: str, page: int | None) -> bool:
        """Whether that page of that document is the one."""
        return doc == self.doc and (self.page is None or page == self.page)


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its golds; without any the documents do not answer it, and a refusal is right.

    `day` is when it was written down (ISO 8601), `report` the id of the report that it was made from, or empty.
    `answers` are wordings, one of which stands in a right answer; without any, words are not looked at.
    """

    id: QuestionId
    text: str
    golds: tuple[Gold, ...]
    day: str
    report: str = ""
    answers: tuple[str, ...] = ()

    @property
    def is_answerable(self) -> bool:
        """Whether the documents answer it."""
        return bool(self.golds)

    @property
    def docs(self) -> frozenset[str]:
        """The documents that answer it."""
        return frozenset(gold.doc for gold in self.golds)


def gold_of(written: str) -> Gold:
    """The gold that `DOC` or `DOC#page` names. Raises QuestionRefused for an empty one and for page 0."""
    doc, mark, page = written.strip().rpartition(MARK)
    if not mark or not page.isdecimal():
        doc, page = written.strip(), ""
    if not doc or page == "0":
        raise QuestionRefused(f"{written!r} names no document: write DOC or DOC{MARK}PAGE, pages from 1")
    return Gold(doc, int(page) if page else None)
