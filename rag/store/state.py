"""What a collection holds, sealed in its own row: so that a document put back, moved, taken out or brought in is seen.

    mark of a document = blind("document", frame(id, the JSON of `about`)) under the collection's key
    row                = blind("document row", frame(collection id, place key, source key, content key)), in `about`
    passage_ids        = blind("passages", frame(document id, ids of its passages in order)), in `about`
    state              = sealed {"epoch", "documents", "total", "personal_data", "originals", "sources", "jobs"}: the
                         set digest of the documents' marks, what is done with personal data and originals, where
                         documents come from, and which loads have not ended; context ("collections", id, "state")

Values are bound to their place by their seal; this binds the rows together. The state changes in one transaction
with the rows, and its epoch is written down outside the database. Marks are of what is sealed: they stay when a
rotation seals it anew.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rag.personal.policy import Policy
from rag.sources.record import SourceRecord, read_back, written
from rag.store.serving import Serving
from security.digests import NOTHING, SetDigest
from security.sealing import Context, DataKey, frame


@dataclass(frozen=True, slots=True)
class CollectionState:
    """The digest of the documents' marks, the number of changes, the policies by name (known or not), sources.

    `jobs` are the ids of loads that have not ended: one that was put back does not run again.
    """

    epoch: int = 0
    documents: SetDigest = NOTHING
    personal_data: str = Policy.KEEP
    originals: str = Serving.SERVE
    sources: tuple[SourceRecord, ...] = ()
    jobs: tuple[str, ...] = ()

    def changed(self, added: Iterable[bytes], removed: Iterable[bytes]) -> "CollectionState":
        """After documents of these marks came and went: one epoch later."""
        return replace(self, epoch=self.epoch + 1, documents=self.documents.plus(added).minus(removed))


def mark_of(key: DataKey, document_id: str, about: bytes) -> bytes:
    """What a document counts as: by its id and the JSON of its `about`."""
    return key.blind("document", frame(document_id.encode(), about))


def row_proof(key: DataKey, row: Mapping[Any, Any]) -> str:
    """What binds the plain columns of a document's row to what is sealed in it, in hex."""
    columns = (row["place_key"], row["source_key"], row["content_key"])
    return key.blind("document row", frame(row["collection_id"].encode(), *columns)).hex()


def passages_proof(key: DataKey, document_id: str, ids: Sequence[str]) -> str:
    """What binds a document's passages to it, in hex: their ids in reading order."""
    return key.blind("passages", frame(document_id.encode(), *(each.encode() for each in ids))).hex()


def seal_state(key: DataKey, collection_id: str, state: CollectionState) -> bytes:
    """The state for the collection's row."""
    content = {
        "epoch": state.epoch,
        "documents": state.documents.count,
        "total": f"{state.documents.total:064x}",
        "personal_data": str(state.personal_data),
        "originals": str(state.originals),
        "sources": [written(source) for source in state.sources],
        "jobs": list(state.jobs),
    }
    return key.seal(json.dumps(content).encode(), state_context(collection_id))


def open_state(key: DataKey, collection_id: str, sealed: bytes) -> CollectionState:
    """The state out of the collection's row. Raises SealBroken."""
    content = json.loads(key.open(sealed, state_context(collection_id)))
    digest = SetDigest(content["documents"], int(content["total"], 16))
    personal, originals = content.get("personal_data", Policy.KEEP), content.get("originals", Serving.SERVE)
    sources = tuple(map(read_back, content.get("sources", ())))
    jobs = tuple(map(str, content.get("jobs", ())))
    return CollectionState(content["epoch"], digest, str(personal), str(originals), sources, jobs)


def state_context(collection_id: str) -> Context:
    """Where a collection's state lives."""
    return Context("collections", collection_id, "state")


def epoch_name(collection_id: str) -> str:
    """How a collection's epoch is named outside the database."""
    return f"collection:{collection_id}"
