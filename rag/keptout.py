"""Files that a load does not take: written down with their reason, and not read again while nothing would change."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from importlib import metadata

from rag.errors import DocumentEmpty, DocumentQuarantined, DocumentRejected, FileUnavailable
from rag.folders import FoundFile
from rag.store.documents import DocumentStore
from rag.store.values import Fingerprint, KeptOut
from security.access import Grant

Refusal = DocumentRejected | DocumentEmpty | FileUnavailable
SPANS_TOLD = 20
"""Runs of pages that a sentence names."""
REFUSALS: dict[str, type[DocumentRejected | DocumentEmpty]] = {
    "quarantined": DocumentQuarantined,
    "rejected": DocumentRejected,
    "empty": DocumentEmpty,
}


def readers_mark(*, reads_scans: bool) -> str:
    """What a refusal depends on beside the file: another release, or one with OCR, may read what this cannot."""
    return f"{metadata.version('huisclos')}{'+ocr' if reads_scans else ''}"


def state_of(error: Refusal) -> str:
    """How a file that is refused with this error ends."""
    return next((state for state, kind in REFUSALS.items() if isinstance(error, kind)), "rejected")


def unread_told(pages: Sequence[int]) -> str | None:
    """A sentence for a document of which pages could not be read; None where all were."""
    if not pages:
        return None
    spans: list[list[int]] = []
    for page in sorted(pages):
        if spans and page == spans[-1][1] + 1:
            spans[-1][1] = page
        else:
            spans.append([page, page])
    named = ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in spans[:SPANS_TOLD])
    more = f" and {len(spans) - SPANS_TOLD} more" if len(spans) > SPANS_TOLD else ""
    are = "page" if len(pages) == 1 else "pages"
    return (
        f"{are} {named}{more} could not be read, or badly: scan again (no scan is read before `huisclos models pull`)"
    )


class KeptOutHere:
    """What one source of a collection keeps out. `held` is what was kept out before, by the digest of its place."""

    def __init__(
        self, store: DocumentStore, grant: Grant, source: str, held: dict[bytes, KeptOut], readers: str
    ) -> None:
        self._store, self._grant, self._source, self._readers = store, grant, source, readers
        self._held = dict(held)

    def refused(self, file: FoundFile, mark: Fingerprint | None) -> Refusal | None:
        """The error that the same content, or without a mark the same version, ended with before; None otherwise."""
        known = self._held.get(mark.place if mark else self._place(file))
        if known is None or not known.is_lasting or not known.content.endswith(f" {self._readers}"):
            return None
        is_same = known.content == self._content(mark) if mark else file.version and known.version == file.version
        return REFUSALS[known.state](known.reason) if is_same else None

    def note(self, file: FoundFile, error: Refusal, mark: Fingerprint | None) -> None:
        """Write down that a file did not come in, unless it stands there so already."""
        place = self._place(file)
        content = self._content(mark) if mark else ""
        before = self._held.get(place)
        if before and not mark and before.content and before.version == file.version:
            content = before.content  # it was not fetched again
        found = KeptOut(
            file.doc,
            state_of(error),
            str(error),
            datetime.now(UTC),
            content,
            file.version,
            bool(content) and error.is_lasting,
        )
        if before is None or _facts(before) != _facts(found):
            self._store.kept_out.note(self._grant, self._source, file.place, found)
            self._held[place] = found

    def drop(self, places: Iterable[bytes]) -> None:
        """Forget files at these places: they came in, or are gone."""
        known = [place for place in places if self._held.pop(place, None)]
        if known:
            self._store.kept_out.drop(self._grant, known)

    def keep_only(self, places: Collection[bytes]) -> None:
        """Forget files at all other places."""
        self.drop([place for place in self._held if place not in places])

    def _place(self, file: FoundFile) -> bytes:
        return self._store.fingerprints.place_key(self._grant, self._source, file.place)

    def _content(self, mark: Fingerprint) -> str:
        return f"{mark.content.hex()} {self._readers}"


def _facts(file: KeptOut) -> tuple[object, ...]:
    return file.doc, file.state, file.reason, file.content, file.version, file.is_lasting
