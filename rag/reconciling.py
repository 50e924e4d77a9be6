"""One source brought in step: what is new is stored, what moved is moved, what went is forgotten, the rest is left.

Files inside a file are a source of their own, and are told, moved and forgotten like files of a folder.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock

from rag.documents import Chunk, DocumentId, DocumentInfo
from rag.errors import FileUnavailable, FolderMissing
from rag.folders import INSIDE, FoundFile, Survey
from rag.index.memory import MemoryIndex
from rag.keptout import KeptOutHere, state_of, unread_told
from rag.parsing.sandbox import ReadDocument
from rag.personal.kinds import Identifiers
from rag.personal.marking import identifiers_of
from rag.personal.policy import Policy, check_admitted
from rag.preparing import Known, Prepared, Preparer, Ready, Refused
from rag.store.documents import DocumentStore
from rag.store.values import Fingerprint, Held, Inventory, KeptOut, MovedTo, NewDocument
from security.access import Grant

VERSIONS_NOTED = 500
"""Files of another version and the same content, written down in one transaction."""


class FileState(StrEnum):
    """How a file ended."""

    INDEXED = "indexed"
    UNCHANGED = "unchanged"
    EMPTY = "empty"
    QUARANTINED = "quarantined"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a file; `seconds` is what preparing it took."""

    file: FoundFile
    seconds: float
    state: FileState
    reason: str | None = None
    pages: int | None = None
    passages: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a load writes to, which files it lets in or reads whatever became of them, and what its readers are."""

    store: DocumentStore
    index: MemoryIndex
    grant: Grant
    released: frozenset[str]
    readers: str
    is_rereading: bool = False

    def is_asked_for(self, doc: str) -> bool:
        """Whether a file is to be read though it did not come in before."""
        return self.is_rereading or doc in self.released


class SourceLoad:
    """A folder, or a file that holds files, being brought in step. One thread ends files.

    Files inside a file are a source of their own, named by the digest of the place where it lies: they are told,
    moved and forgotten like files of a folder, and stay while their container is unchanged.
    """

    def __init__(self, place: Place, found: Survey, source: str = "", inventory: Inventory | None = None) -> None:
        self._store, self._index, self._grant = place.store, place.index, place.grant
        self._to, self._source = place, source or str(found.root)
        self._fingerprints = place.store.fingerprints
        whole = inventory or self._fingerprints.inventory(place.grant, self._source)
        self._inventory, self._held = whole, dict(whole.of(self._key(self._source)))
        self._places = self._fingerprints.place_keys(place.grant, self._source, (file.place for file in found.files))
        wanted = set(self._places.values())
        gone = {place: entry for place, entry in self._held.items() if place not in wanted}
        if found.is_complete and gone and not found.files and not source:
            raise FolderMissing(
                f"{found.root} holds no file, but {len(gone)} documents were loaded from it: mount its drive and load "
                "again, or remove the collection if they may go"
            )
        self._kept_out = KeptOutHere(
            place.store, place.grant, self._source, whole.kept_out.get(self._key(self._source), {}), place.readers
        )
        if found.is_complete:
            self._kept_out.keep_only(wanted)
        self._gone = gone if found.is_complete else {}
        self._gone_contents = frozenset(content for _, content in self._gone.values())
        self._policy = self._store.policy(self._grant)
        self._has_versions = any(file.version for file in found.files)
        self._versions_known: dict[bytes, Held] | None = None
        self._versions_opening = Lock()
        self._noted: dict[DocumentId, str] = {}
        self.known = Known(
            self._fingerprint,
            self._is_known,
            self._admit,
            place.released,
            self._unread,
            refused=lambda file, mark: None if place.is_asked_for(file.doc) else self._kept_out.refused(file, mark),
        )

    def end(self, prepared: Prepared, preparer: Preparer, known: Known) -> Iterator[Ended]:
        """Store what is new, move what moved, leave what is unchanged; what a file holds comes before it."""
        file, outcome = prepared.file, prepared.outcome
        if isinstance(outcome, Refused):
            yield self._refuse(prepared, outcome)
        elif outcome.read is None:
            held = self._keep(prepared, outcome.mark) or self._move(prepared, outcome.mark)
            if held:
                self._kept_out.drop([outcome.mark.place])
                yield held
            else:
                yield from self.end(preparer.one(file, known, is_forced=True), preparer, known)
        else:
            yield from self._members(file, outcome.mark, outcome.read, preparer)
            yield self._put(prepared, outcome, outcome.read)
            self._kept_out.drop([outcome.mark.place])

    def finish(self) -> int:
        """Forget documents whose files are no longer there, and write down what versions the others have.

        Gives how many were forgotten.
        """
        self._note_versions()
        return self._forget([(place, identifier) for place, (identifier, _) in self._gone.items()])

    def _fingerprint(self, file: FoundFile, data: bytes) -> Fingerprint:
        return self._fingerprints.of(self._grant, self._source, file.place, data)

    def _unread(self, file: FoundFile) -> Fingerprint | None:
        """The digests of a file that has the version it was loaded with; None for one that must be fetched."""
        if not file.version:
            return None
        place = self._places[file.place]
        held, entry = self._versions().get(place), self._held.get(place)
        if held is None or entry is None or held.info.id != entry[0] or held.version != file.version:
            return None
        mark = Fingerprint(place, entry[1])
        return mark if self._is_known(file, mark) else None

    def _is_known(self, file: FoundFile, mark: Fingerprint) -> bool:
        """Whether the content is held already: here, at a place that is gone, or at the same path of another folder."""
        if any(self._to.is_asked_for(kept.doc) for _, kept in self._kept_out_inside(mark.place)):
            return False  # what is asked for comes out of it
        held = self._held.get(mark.place)
        is_unchanged = held is not None and held[1] == mark.content
        if self._policy is Policy.REFUSE:
            return is_unchanged and held is not None and all(map(self._is_clean, (held[0], *self._inside(mark.place))))
        return is_unchanged or mark.content in self._gone_contents or bool(self._twin(file, mark))

    def _admit(self, chunks: Sequence[Chunk]) -> None:
        """Raise DocumentRejected for a document that the collection refuses for what it holds."""
        check_admitted(self._policy, identifiers_of(chunks) or Identifiers())

    def _is_clean(self, identifier: DocumentId) -> bool:
        """Whether a document was looked at and holds nothing that identifies anybody."""
        return self._store.document(self._grant, identifier).identifiers == Identifiers()

    def _members(self, file: FoundFile, mark: Fingerprint, read: ReadDocument, preparer: Preparer) -> Iterator[Ended]:
        """The files inside a file, and an end to those that it held before."""
        source = _source_inside(mark.place)
        if not read.document.members and not self._inventory.of(self._key(source)):
            return
        files = tuple(file.holding(member, read.document.modified_at) for member in read.document.members)
        inner = SourceLoad(self._to, Survey(file.path, files, is_complete=True), source, self._inventory)
        for prepared in preparer.prepare(files, inner.known):
            yield from inner.end(prepared, preparer, inner.known)
        inner.finish()

    def _keep(self, prepared: Prepared, mark: Fingerprint) -> Ended | None:
        held = self._held.get(mark.place)
        if held is None or held[1] != mark.content:
            return None
        known = self._versions().get(mark.place)
        if known is None or known.info.id != held[0]:
            return self._ended(prepared, FileState.UNCHANGED, self._store.document(self._grant, held[0]))
        if prepared.file.version not in ("", known.version):
            self._noted[held[0]] = prepared.file.version
            if len(self._noted) >= VERSIONS_NOTED:
                self._note_versions()
        return self._ended(prepared, FileState.UNCHANGED, known.info)

    def _versions(self) -> dict[bytes, Held]:
        """The documents of the source by the digest of their place, opened when first asked for: what comes before in
        a folder, because it changed, does not wait for that.
        """
        with self._versions_opening:
            if self._versions_known is None:
                self._versions_known = self._fingerprints.held(self._grant, self._source) if self._has_versions else {}
            return self._versions_known

    def _note_versions(self) -> None:
        if self._noted:
            self._store.note_versions(self._grant, self._noted)
            self._noted = {}

    def _ended(self, prepared: Prepared, state: FileState, info: DocumentInfo) -> Ended:
        return Ended(prepared.file, prepared.seconds, state, None, info.pages, info.passages)

    def _move(self, prepared: Prepared, mark: Fingerprint) -> Ended | None:
        """A file of the same content that is gone here, or stands at the same path of another loaded folder."""
        file = prepared.file
        place = next((place for place, entry in self._gone.items() if entry[1] == mark.content), None)
        identifier = self._gone[place][0] if place else self._twin(file, mark)
        if identifier is None:
            return None
        replaced = self._held.pop(mark.place, None)
        if replaced is not None:
            self._forget([(mark.place, replaced[0])])
        old_doc = self._store.document(self._grant, identifier).path
        self._move_document(identifier, MovedTo(self._source, file.place, file.doc, file.version))
        if place:
            self._gone.pop(place)
            self._move_members((place, old_doc), (mark.place, file.doc))
        self._held[mark.place] = (identifier, mark.content)
        info = self._store.document(self._grant, identifier)
        return self._ended(prepared, FileState.INDEXED if place else FileState.UNCHANGED, info)

    def _move_document(self, identifier: DocumentId, to: MovedTo) -> None:
        facets, entries = self._store.move(self._grant, identifier, to)
        if entries:
            self._index.replace_document(self._grant.collection_id, identifier, entries)
        else:
            self._index.note_facets(self._grant.collection_id, identifier, facets)

    def _move_members(self, old: tuple[bytes, str], new: tuple[bytes, str]) -> None:
        """Take what a moved file holds along; both are the file's place and path."""
        source = _source_inside(new[0])
        for place, (identifier, _) in self._inventory.of(self._key(_source_inside(old[0]))).items():
            path = self._store.document(self._grant, identifier).path
            name = path.removeprefix(f"{old[1]}{INSIDE}")
            doc = f"{new[1]}{INSIDE}{name}"
            self._move_document(identifier, MovedTo(source, name, doc))
            self._move_members((place, path), (self._fingerprints.place_key(self._grant, source, name), doc))

    def _twin(self, file: FoundFile, mark: Fingerprint) -> DocumentId | None:
        ids = self._inventory.elsewhere.get(mark.content, ())
        return next((each for each in ids if self._store.document(self._grant, each).path == file.doc), None)

    def _put(self, prepared: Prepared, ready: Ready, read: ReadDocument) -> Ended:
        file, parsed = prepared.file, read.document
        held = self._held.get(ready.mark.place)
        if held:
            self._index.will_remove(self._grant.collection_id)
        new = NewDocument(
            self._source,
            file.doc,
            read.media_type,
            ready.data,
            parsed,
            ready.chunks,
            ready.vectors,
            file.place,
            file.version,
        )
        identifier, entries = self._store.put(self._grant, new)
        try:
            if held:
                self._index.remove_document(self._grant.collection_id, held[0])
            self._index.add(self._grant.collection_id, entries)
        except Exception:
            self._forget([(ready.mark.place, identifier)])  # or the next load would call it unchanged
            raise
        told = unread_told(parsed.unread)
        return Ended(file, prepared.seconds, FileState.INDEXED, told, parsed.pages, len(ready.chunks))

    def _refuse(self, prepared: Prepared, refused: Refused) -> Ended:
        """A file that now holds nothing readable loses what was loaded of it; one that cannot be opened does not."""
        file, error = prepared.file, refused.error
        place = self._fingerprints.place_key(self._grant, self._source, file.place)
        held = self._held.get(place)
        note = ""
        if held and not isinstance(error, FileUnavailable):
            self._forget([(place, held[0])])
            note = "; its earlier version was removed"
        self._kept_out.note(file, error, refused.mark)
        return Ended(file, prepared.seconds, FileState(state_of(error)), f"{error}{note}")

    def _forget(self, entries: Sequence[tuple[bytes, DocumentId]]) -> int:
        """Documents and what is inside them, by place and id; gives their number."""
        ids = [identifier for place, outer in entries for identifier in (outer, *self._inside(place))]
        if not ids:
            return 0
        self._index.will_remove(self._grant.collection_id)
        self._store.forget(self._grant, ids)
        inside = [each for place, _ in entries for each, _ in self._kept_out_inside(place)]
        if inside:
            self._store.kept_out.drop(self._grant, inside)
        for identifier in ids:
            self._index.remove_document(self._grant.collection_id, identifier)
        return len(ids)

    def _inside(self, place: bytes) -> Iterator[DocumentId]:
        for inner, (identifier, _) in self._inventory.of(self._key(_source_inside(place))).items():
            yield identifier
            yield from self._inside(inner)

    def _kept_out_inside(self, place: bytes) -> Iterator[tuple[bytes, KeptOut]]:
        source = self._key(_source_inside(place))
        yield from self._inventory.kept_out.get(source, {}).items()
        for inner in self._inventory.of(source):
            yield from self._kept_out_inside(inner)

    def _key(self, source: str) -> bytes:
        return self._fingerprints.source_key(self._grant, source)


def _source_inside(place: bytes) -> str:
    """The name of the source that a file which holds files is."""
    return f"inside {place.hex()}"
