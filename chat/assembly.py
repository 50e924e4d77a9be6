"""The object graph of a house: each part made at its first use, closed in reverse. Nothing else builds these."""

from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from chat.backup.taking import Taking
from chat.conversations import Conversations
from chat.feedback import Feedback
from chat.folder_rights import FolderRights
from chat.jobs.queue import Jobs
from chat.postgresql import connect, server_of
from chat.rotating import Rotations
from chat.servers import open_served
from chat.settings import Settings
from chat.shredding import Remover, Shredder
from chat.syncing import Syncing
from chat.watching import Watching
from chat.workers.dispatching import Workers, reads_with
from models.catalogue import Task
from models.store import ModelStore
from rag.answering.across import Meanings
from rag.answering.answer import Answer
from rag.answering.answerer import Answerer
from rag.errors import StoreBroken
from rag.index.memory import MemoryIndex
from rag.index.upkeep import Tell, Upkeep
from rag.loading import Loader
from rag.parsing.readers import Readers
from rag.retrieval.search import Searcher
from rag.store.collections import NAME_CHANGED, CollectionStore
from rag.store.documents import DocumentStore
from rag.store.integrity import Damage
from rag.store.originals import Originals
from rag.store.snapshots import Snapshots
from rag.tasks.tasks import Tasks
from rag.tasks.tools import Tools
from security.access import AccessPolicy
from security.audit import AuditLog
from security.directory import Directory
from security.egress import parse_entry
from security.keyring import Keyring

if TYPE_CHECKING:
    from chat.metrics import Metrics
    from models.embedder import Embedder
    from models.generation import Generator
    from models.generator import LlamaGenerator
    from models.reopening import ReopeningGenerator
    from models.served.generator import ServedGenerator

ORIGINALS = "originals"
SNAPSHOTS = "snapshots"
SECONDS_A_MINUTE = 60
READ_OF_DATABASE = (
    *("directory", "policy", "collections", "documents", "conversations", "feedback"),
    *("remover", "shredder", "rotations", "folder_rights", "syncing", "jobs", "watching"),
)
"""Parts of a house that keep something of what its database held, and those that are made of them."""


@dataclass
class House:
    """Everything that runs. Models load at first use, so that a listing does not wait for them."""

    state: Path
    settings: Settings
    memory_dir: Path
    engine: Engine
    keyring: Keyring
    closing: ExitStack
    tell: Tell | None = None
    upkeep: Upkeep | None = None

    @cached_property
    def page_readers(self) -> Readers:
        """Who draws pages for the browser; their host stays warm until the house closes."""
        return self.closing.enter_context(Readers(self.memory_dir))

    @cached_property
    def directory(self) -> Directory:
        """People, grants, sessions."""
        return Directory(self.engine, self.keyring)

    @cached_property
    def policy(self) -> AccessPolicy:
        """The only maker of grants."""
        return AccessPolicy(self.directory)

    @cached_property
    def audit(self) -> AuditLog:
        """The record."""
        return AuditLog(self.engine, self.keyring)

    @cached_property
    def collections(self) -> CollectionStore:
        """Collections by name."""
        return CollectionStore(self.engine, self.keyring)

    @cached_property
    def documents(self) -> DocumentStore:
        """The sealed truth of documents, every collection looked at: a damaged one is closed, the others go on."""
        store = DocumentStore(self.engine, self.keyring, self.state / ORIGINALS)
        self.directory.verify()
        for record in self.collections.list():
            grant = self.policy.for_indexing(record.id)
            store.integrity.adopt(grant)
            store.integrity.look(grant)
            if not record.is_named:
                store.integrity.close(record.id, Damage(NAME_CHANGED))
        return store

    @cached_property
    def conversations(self) -> Conversations:
        """People's conversations, all of them counted."""
        made = Conversations(self.engine, self.keyring)
        made.adopt()
        return made

    @cached_property
    def feedback(self) -> Feedback:
        """What people may send to the owners of collections."""
        return Feedback(
            self.conversations,
            self.collections,
            lambda: self.documents,
            self.policy,
            self.audit,
            is_asked=self.settings.feedback.to_owners == "ask",
        )

    @cached_property
    def models(self) -> ModelStore:
        """Weights on this machine."""
        return model_store(self.settings)

    @cached_property
    def index(self) -> MemoryIndex:
        """The index in memory, filled at first use from snapshots and the truth, tended until the house closes."""
        wanted, snapshots = self.settings.index, self.documents.snapshots
        index = MemoryIndex(self.memory_dir, snapshots, wanted.exact_passages_max)
        self.closing.callback(index.close)
        records = self.collections.list()
        snapshots.keep_only({record.id for record in records})
        for record in records:
            if not self.documents.integrity.is_closed(record.id):
                with suppress(StoreBroken):  # it is closed now, and said so where people ask
                    index.open(self.policy.for_indexing(record.id), self.documents)
        seconds = wanted.snapshot_minutes * SECONDS_A_MINUTE
        upkeep = Upkeep(index, self.documents, self.policy.for_indexing, seconds, self._tell)
        self.closing.callback(upkeep.stop)
        upkeep.start()
        self.upkeep = upkeep
        return index

    @cached_property
    def embedder(self) -> "Embedder":
        """Texts to vectors."""
        from models.embedder import open_embedder  # the engine is 0.2 s that most commands do without

        entry = self.models.chosen(Task.EMBED)
        embedder = open_embedder(self.models.path(entry), entry)
        self.closing.callback(embedder.close)
        return embedder

    @cached_property
    def generator(self) -> "ReopeningGenerator":
        """The engine, or the servers inside the house; where they are away, opened once they are there."""
        from models.reopening import ReopeningGenerator

        if not self.settings.models.servers:
            _ = self.models.chosen(Task.GENERATE)  # a name that no catalogue has stops the start
        generator = ReopeningGenerator(self._open_generator, self._tell)
        self.closing.callback(generator.close)
        generator.look()
        return generator

    def _open_generator(self) -> "LlamaGenerator | ServedGenerator":
        """What is chosen now, opened; raises ModelError or OSError where it cannot be."""
        wanted = self.settings.models
        if wanted.servers:
            return open_served(self.settings)
        from models.generator import open_generator

        entry = self.models.chosen(Task.GENERATE)
        return open_generator(
            self.models.path(entry),
            threads=wanted.threads,
            context_tokens=wanted.context_tokens,
            queue_max=wanted.queue_max,
            slots=wanted.slots,
            kept_mib=wanted.kept_mib,
            kv_type=wanted.kv_type,
            gpu_layers=wanted.gpu_layers,
            chat_format=entry.chat_format,
            tell=self._tell,
        )

    @cached_property
    def metrics(self) -> "Metrics":
        """Counts and times of questions, and of what the model is asked."""
        from chat.metrics import Holdings, Metrics  # what serves it is imported by the server alone

        return Metrics(lambda: self.generator.figures, lambda: Holdings(self.index.passages, self.jobs.states()))

    @cached_property
    def watched(self) -> "Generator":
        """The generator, each of its requests counted where metrics are given."""
        from models.watched import Watched

        return Watched(self.generator, self.metrics.take) if self.settings.metrics.port else self.generator

    @property
    def writer(self) -> str:
        """The name of what writes answers: that of the weights here, or what the servers call theirs."""
        return self.generator.model_name if self.settings.models.servers else self.models.chosen(Task.GENERATE).name

    @cached_property
    def searcher(self) -> Searcher:
        """From a question to passages."""
        return Searcher(self.documents, self.index, self.embedder, self.settings.retrieval.stages)

    @cached_property
    def loader(self) -> Loader:
        """From a folder to passages."""
        return Loader(self.documents, self.index, self.embedder, self.memory_dir, self.tessdata, self.workers)

    @cached_property
    def tessdata(self) -> Path | None:
        """The folder of what OCR needs, every byte checked; None where it is not here."""
        return self.models.tessdata()

    @cached_property
    def workers(self) -> Workers | None:
        """Workers elsewhere that read files, where PostgreSQL is the truth."""
        if not self.settings.store.database:
            return None
        server, entry = server_of(self.settings), self.models.chosen(Task.EMBED)
        reads = reads_with(entry, reads_scans=self.tessdata is not None)
        workers = Workers(lambda: connect(server), self.keyring, reads)
        self.closing.callback(workers.close)
        return workers

    @cached_property
    def answerer(self) -> Answerer:
        """From a question to a checked answer."""
        return Answerer(
            self.searcher,
            self.watched,
            self.settings.answering.policy,
            self.meanings,
            self.generator,
            self._note,
        )

    @property
    def meanings(self) -> Meanings | None:
        """What compares sentences of two languages; None where that is off."""
        return self.embedder if self.settings.answering.across_languages else None

    @cached_property
    def tasks(self) -> Tasks:
        """Lists and whatever else is asked of documents."""
        tools = Tools(self.documents, self.index, lambda: self.searcher, lambda: self.watched)
        return Tasks(tools, allows_without_documents=self.settings.answering.without_documents)

    @cached_property
    def remover(self) -> Remover:
        """What removes a collection, or what a person said."""
        return Remover(
            self.engine,
            self.keyring,
            self.directory,
            self.collections,
            Originals(self.state / ORIGINALS),
            Snapshots(self.state / SNAPSHOTS, self.keyring),
            lambda: self.conversations,
        )

    @cached_property
    def shredder(self) -> Shredder:
        """What destroys keys, with receipts."""
        return Shredder(self.state / "receipts", self.keyring, self.audit, self.remover.owned)

    @cached_property
    def rotations(self) -> Rotations:
        """What seals collections anew."""
        return Rotations(self.engine, self.keyring, self.audit, self.policy, self.collections, lambda: self.documents)

    @cached_property
    def syncing(self) -> Syncing:
        """What keeps collections in step with their sources."""
        allowed = tuple(map(parse_entry, self.settings.egress.allowed))
        return Syncing(
            self.audit,
            self.policy,
            self.collections,
            allowed,
            self.memory_dir,
            lambda: self.documents,
            lambda: self.loader,
            rights=self.folder_rights,
        )

    @cached_property
    def folder_rights(self) -> FolderRights:
        """What keeps collections to the rights of their folders."""
        return FolderRights(self.directory, lambda: self.documents, lambda: self.loader)

    @cached_property
    def jobs(self) -> Jobs:
        """Every load and sync, in its turn."""
        return Jobs(
            self.engine,
            self.audit,
            self.policy,
            self.collections,
            self.syncing,
            lambda: self.documents,
            lambda: self.loader,
            self.settings.loading.workers,
        )

    @cached_property
    def watching(self) -> Watching:
        """What has a change in a folder followed by a sync."""
        return Watching(self.syncing, self.jobs)

    def _tell(self, event: str, **fields: object) -> None:
        """To the log, where there is one."""
        if self.tell is not None:
            self.tell(event, **fields)

    def _note(self, answer: Answer) -> None:
        """To the metrics, where they are given."""
        if self.settings.metrics.port:
            self.metrics.take_answer(answer)

    def look_again(self) -> None:
        """Forget what was read of the database: for a restore, which replaces all of it."""
        for part in READ_OF_DATABASE:
            self.__dict__.pop(part, None)

    def new_backup(self) -> Taking:
        """A backup to be made."""
        return Taking(self.state, self.engine, self.keyring)


def model_store(settings: Settings) -> ModelStore:
    """Weights on this machine, those that the settings name in use."""
    return ModelStore(settings.models.folder, named=settings.models.named)
