"""A thumb on its way to the owners of a collection: what would be sent, shown first, and sent when the person says so.

1. A message keeps, sealed with the conversation, of which passages it was made: ids and offsets.
2. A report is made of it for each collection that the person may read now, of that collection's passages alone. They
   are opened anew with the person's right to read, so that what a page claims of a message gives nobody anything.
3. Sentences that stand on another collection are left out; one that stands on nothing, unless this one alone was read.
4. The person sees all of it. Nothing leaves their key before they send it, and they may take it back with the thumb.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chat.conversations import Conversations
from rag.answering.answer import Answer, FollowUp
from rag.documents import Passage, PassageId
from rag.errors import RagError
from rag.store.collections import CollectionStore
from rag.store.documents import DocumentStore
from rag.store.reports import Report, ReportedPassage
from security.access import AccessPolicy, Grant
from security.audit import AuditLog
from security.identity import CollectionId, Principal

EVIDENCE = "evidence"
"""Where a message keeps it in its metadata."""
SEND = "feedback.send"
"""The action under which the record tells that somebody sent a report."""
PASSAGES_MAX = 20
TEXT_CHARACTERS_MAX = 8000
LEFT_OUT = "[…]"
_ID = re.compile(r"[0-9a-f]{32}")
_Quote = tuple[int, int, int]
"""Number of the citation, start and end in the passage's text."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of what a message was made. `sentences` have the numbers of their citations, `passages` are by collection."""

    question: str
    model: str
    reason: str
    sentences: tuple[tuple[str, frozenset[int]], ...]
    passages: Mapping[CollectionId, Mapping[PassageId, tuple[_Quote, ...]]]


@dataclass(frozen=True, slots=True)
class Offer:
    """A report that may be sent, and the name of the collection to whose owners it would go."""

    grant: Grant
    collection: str
    report: Report


class Feedback:
    """What people may send to owners; nothing where the house does not ask for it."""

    def __init__(
        self,
        conversations: Conversations,
        collections: CollectionStore,
        documents: Callable[[], DocumentStore],
        policy: AccessPolicy,
        audit: AuditLog,
        *,
        is_asked: bool,
    ) -> None:
        self._conversations, self._collections, self._documents = conversations, collections, documents
        self._policy, self._audit, self._is_asked = policy, audit, is_asked

    def offers(self, person: Principal, step_id: str) -> tuple[Offer, ...]:
        """What would go for a message of the person's that they rated. Raises AccessDenied for somebody else's."""
        thread_id = self._conversations.thread_of(person, step_id)
        steps = self._conversations.steps(person, thread_id)
        step: Mapping[str, Any] = next((each for each in steps if each.get("id") == step_id), {})
        said = [step, *(each for each in steps if each.get("parentId") == step_id)]  # the page rates a run or a message
        evidence = next(filter(None, (evidence_in(each.get("metadata")) for each in said)), None)
        rating = step.get("feedback")
        if not self._is_asked or evidence is None or not rating:
            return ()
        return tuple(self._offered(person, evidence, rating))

    def send(self, person: Principal, step_id: str) -> tuple[str, ...]:
        """Send it; gives the names of the collections. Raises ReportRefused at the bounds."""
        offers = self.offers(person, step_id)
        for offer in offers:
            self._audit.record(person.user_id, SEND, offer.grant.collection_id, "begun")
            self._documents().quality.reports.send(offer.grant, person.user_id, step_id, offer.report)
        return tuple(offer.collection for offer in offers)

    def withdraw(self, person: Principal, step_id: str) -> None:
        """Take back what was sent of a message, from every collection that the person may read."""
        for grant in self._policy.grants(person):
            self._documents().quality.reports.withdraw(grant, person.user_id, step_id)

    def _offered(self, person: Principal, evidence: Evidence, rating: Mapping[str, Any]) -> Iterator[Offer]:
        for grant in self._policy.grants(person):
            quotes = evidence.passages.get(grant.collection_id, {})
            try:
                passages = self._documents().passages(grant, list(quotes)[:PASSAGES_MAX])
            except RagError:
                continue  # closed, or its policy is not understood: nothing of it goes anywhere
            if passages:
                name = self._collections.get(grant.collection_id).name
                yield Offer(grant, name, _report(evidence, grant.collection_id, passages, rating))


def evidence_of(question: str, answer: Answer, model: str) -> dict[str, Any]:
    """What a message keeps, as JSON. A follow-up that the model rewrote stands as the person asked it."""
    places: dict[tuple[str, str], list[_Quote]] = {}
    for item in answer.read or answer.nearest:
        places.setdefault(_place(item.passage), [])
    for cite in answer.citations:
        places.setdefault(_place(cite.passage), []).append((cite.n, cite.start, cite.end))
    meant = answer.understood
    said = [(sentence.text, list(sentence.citations)) for sentence in answer.sentences]
    return {
        "question": meant.question if meant and meant.by is FollowUp.RULES else question,
        "model": model,
        "reason": answer.reason.value if answer.reason else "",
        "sentences": said or [(answer.text, [])],
        "passages": [(*place, quotes) for place, quotes in places.items()],
    }


def evidence_in(metadata: Any) -> Evidence | None:
    """What a message kept; None where there is nothing, or what a page made up has another shape."""
    try:
        kept = metadata[EVIDENCE]
        passages: dict[CollectionId, dict[PassageId, tuple[_Quote, ...]]] = {}
        for collection_id, passage_id, quotes in kept["passages"]:
            held = passages.setdefault(CollectionId(str(collection_id)), {})
            if _ID.fullmatch(passage_id):
                held[PassageId(passage_id)] = tuple((int(n), int(start), int(end)) for n, start, end in quotes)
        sentences = tuple((_text(text), frozenset(map(int, numbers))) for text, numbers in kept["sentences"])
        question, model, reason = (_text(kept[name]) for name in ("question", "model", "reason"))
        return Evidence(question, model, reason, sentences, passages)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _text(value: Any) -> str:
    """What stands there, within the bound, in letters that can be shown."""
    return str(value)[:TEXT_CHARACTERS_MAX].encode("utf-8", "replace").decode()


def _place(passage: Passage) -> tuple[str, str]:
    return passage.document.collection_id, passage.id


def _report(
    evidence: Evidence, collection_id: CollectionId, passages: Sequence[Passage], rating: Mapping[str, Any]
) -> Report:
    quotes = evidence.passages[collection_id]
    return Report(
        is_helpful=rating["value"] == 1,
        comment=_text(rating.get("comment") or ""),
        question=evidence.question,
        answer=_text(_answer(evidence, collection_id)),
        reason=evidence.reason,
        model=evidence.model,
        passages=tuple(_reported(passage, quotes[passage.id]) for passage in passages),
    )


def _answer(evidence: Evidence, collection_id: CollectionId) -> str:
    """The sentences that stand on this collection, with a mark for those between them that do not."""
    own = {n for quotes in evidence.passages[collection_id].values() for n, _, _ in quotes}
    is_alone = bool(evidence.reason) or set(evidence.passages) == {collection_id}
    kept: list[str] = []
    for text, numbers in evidence.sentences:
        is_own = numbers <= own if numbers else is_alone
        if is_own or kept[-1:] != [LEFT_OUT]:
            kept.append(text if is_own else LEFT_OUT)
    return " ".join(kept)


def _reported(passage: Passage, quotes: Sequence[_Quote]) -> ReportedPassage:
    text, info = passage.chunk.text, passage.document
    cited = tuple(text[start:end] for _, start, end in quotes[:PASSAGES_MAX] if 0 <= start < end)
    page, said = passage.chunk.page, tuple(filter(None, cited))
    return ReportedPassage(info.id, info.path, info.title, page, text, said, passage.id)
