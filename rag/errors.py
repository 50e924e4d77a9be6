"""What can go wrong between a document and an answer.

RagError
├── DocumentRejected      this file cannot be read, and why
│   ├── DocumentQuarantined   a person must look at it first
│   ├── DocumentBarred        somebody who reads the collection may not read it where it lies
│   ├── ReaderFailed          its reader did not come to an end; another try may
│   └── PersonalDataHeld      it holds what the collection refuses
├── DocumentEmpty         nothing to read in it
├── PagesScanned          pages are pictures, which must be read by OCR first
├── ReadingCancelled      the load was stopped while the file was read
├── FileUnavailable       the file cannot be read now; what is known of it stays
├── FolderMissing         the folder to load is not there, or is empty where it was not
├── SourceUnavailable     a source cannot be listed; what is known of it stays
│   ├── SourceRefused         its address is not listed, or it asks for what is not done
│   │   └── SentElsewhere         its server answers with another address
│   └── NothingThere          its server has nothing at the address, and works
├── StoreFull             no room on the disk for the sealed truth
├── CollectionUnknown
├── CollectionExists
├── LoadRunning           another load works on the collection
├── JobUnknown            there is no such load
├── ReportUnknown         there is no such report
├── ReportRefused         somebody sent as many reports as they may, or the owners have as many as they can hold
├── QuestionUnknown       the owners have no such question
├── QuestionRefused       a question of the owners cannot be kept as it is
├── AnswerUnwritten       the model did not answer a question of a run, which tells nothing of the documents
├── PolicyUnknown         what a collection does with personal data or originals is not understood
├── FilterWrong           what a search is to be narrowed to is not understood
├── OriginalWithheld      who reads the collection does not get its documents' own bytes, and why
├── StoreBroken           the sealed truth is not what was written
├── SnapshotUnusable      a snapshot of an index is not there, or is not what was written
└── IndexUnavailable      the index in memory cannot be used
"""

from enum import StrEnum


class RagError(Exception):
    """Anything that went wrong between a document and an answer."""


class DocumentRejected(RagError):
    """The file cannot be read; the message is a sentence for the person who loads.

    `is_lasting`: the same bytes end the same way the next time.
    """

    is_lasting = True


class DocumentQuarantined(DocumentRejected):
    """The file is suspicious and waits for a person."""


class DocumentBarred(DocumentRejected):
    """Somebody who reads the collection may not read the file where it lies, or nobody can tell: it may not stay."""

    is_lasting = False


class ReaderFailed(DocumentRejected):
    """The reader crashed, or went over its limits: on a machine with less to do it may not."""

    is_lasting = False


class PersonalDataHeld(DocumentRejected):
    """The document holds personal data, and its collection refuses it for now."""

    is_lasting = False


class DocumentEmpty(RagError):
    """The file was read and holds no text."""

    is_lasting = True


class PagesScanned(RagError):
    """Pages of the file are pictures; `pages` are their numbers, from 1."""

    def __init__(self, pages: tuple[int, ...]) -> None:
        super().__init__(f"{len(pages)} pages are pictures")
        self.pages = pages


class ReadingCancelled(RagError):
    """The load was stopped while the file was read."""


class FileUnavailable(RagError):
    """The file cannot be read now, whatever it holds; what was loaded of it before stays."""

    is_lasting = False


class FolderMissing(RagError):
    """The folder to load is not there, or is empty where documents were loaded from it before."""


class SourceUnavailable(RagError):
    """A source cannot be listed now; everything that was loaded from it stays."""


class SourceRefused(SourceUnavailable):
    """The address of a source is not listed, or it is no address of a source."""


class SentElsewhere(SourceRefused):
    """The server answers with another address, for good or for now."""

    def __init__(self, location: str, *, is_permanent: bool) -> None:
        super().__init__("the server sends elsewhere, where nobody follows: add the source with the address it means")
        self.location, self.is_permanent = location, is_permanent


class NothingThere(SourceUnavailable):
    """The server answers that it has nothing there."""


class StoreFull(RagError):
    """No room on the disk for the sealed truth; nothing of the file was stored."""


class CollectionUnknown(RagError):
    """No collection of that name."""


class CollectionExists(RagError):
    """A collection of that name exists."""


class LoadRunning(RagError):
    """Another load works on this collection."""


class JobUnknown(RagError):
    """No job of that id."""


class ReportUnknown(RagError):
    """No report of that id."""


class ReportRefused(RagError):
    """One more report is not taken now."""


class QuestionUnknown(RagError):
    """No question of that id."""


class QuestionRefused(RagError):
    """A question cannot be kept as it is."""


class AnswerUnwritten(RagError):
    """The model is away, busy or failed at a question of a run: what is measured would be that."""


class PolicyUnknown(RagError):
    """What a collection does with personal data or originals is not a way that is known: nothing of it is served."""


class FilterWrong(RagError):
    """What a search is to be narrowed to is not understood; the message says what is expected."""


class Withholding(StrEnum):
    """Why an original is withheld: it may hold personal data that is not shown, or the collection gives none."""

    PERSONAL_DATA = "personal data"
    ORIGINALS = "originals"


class OriginalWithheld(RagError):
    """Who only reads gets neither the document's own bytes nor pictures of its pages; `why` says for which policy."""

    def __init__(self, why: Withholding) -> None:
        super().__init__(f"withheld by the collection's policy on {why}: ask whoever manages it for the original")
        self.why = why


class StoreBroken(RagError):
    """A row or file of the sealed truth is missing or does not open."""


class SnapshotUnusable(RagError):
    """The index must be made from the truth."""


class IndexUnavailable(RagError):
    """The memory-backed folder cannot hold the index."""
