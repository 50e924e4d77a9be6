"""Rights of a folder, mapped to groups: nobody reads through a collection what they may not read in its folder.

Of a collection whose sources map rights:

1. Groups alone read it, each mapped in every source; a person's own grant is refused (the operator's own aside).
2. Nothing else is loaded into it, and it was empty when its first such source came.
3. A sync lets in, and keeps, what every group that reads it may read in the folder now (rag/sources/mapped.py).
4. A further group comes in when the folder, as it is now, lets it read every document that is there.

While a right is given nothing is loaded, so that 3 and 4 see the same readers. Where 1 was broken nevertheless, 3 lets
nothing in.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chat.errors import Refused
from rag.errors import SourceRefused
from rag.loading import Loader
from rag.sources.mapped import MappedFolder
from rag.sources.record import SourceRecord
from rag.sources.rights import Reader, gid_of
from rag.store.documents import DocumentStore
from security.access import Grant
from security.directory import Directory
from security.groups import Group
from security.identity import OPERATOR, CollectionId


@dataclass(frozen=True, slots=True)
class FolderRights:
    """Compares rights on collections with those of their folders."""

    directory: Directory
    documents: Callable[[], DocumentStore]
    loader: Callable[[], Loader]

    def readers(self, collection_id: CollectionId, source: SourceRecord) -> tuple[Reader, ...]:
        """Everybody who holds a right on a collection, as its folder knows them: people by themselves as nobody."""
        held = {group_id for group_id, _ in self.directory.groups.grantees(collection_id)}
        groups = tuple(_reader(group, source) for group in self.directory.groups.list() if group.id in held)
        alone = any(user_id != OPERATOR.user_id for user_id, _ in self.directory.grantees(collection_id))
        return (*groups, *((Reader("a person with a grant of their own", ()),) if alone else ()))

    def check_source(self, grant: Grant, source: SourceRecord, known: tuple[SourceRecord, ...]) -> None:
        """Raise SourceRefused for a source that does not go with the collection, its others and its readers."""
        if any(bool(each.rights) != bool(source.rights) for each in known):
            raise SourceRefused("a collection maps the rights of all its sources or of none; make another collection")
        if not source.rights:
            return
        if not known and self.documents().counts(grant.collection_id)[0]:
            raise SourceRefused("the collection holds documents whose rights nobody compared; make one for this folder")
        for reader in self.readers(grant.collection_id, source):
            if not reader.gids:
                raise SourceRefused(
                    f"{reader.name} reads the collection and is no group of the folder: map it with --map-rights, or "
                    "revoke it"
                )

    @contextmanager
    def adding(self, grant: Grant, source: SourceRecord) -> Iterator[None]:
        """During the block a source is added; where its rights are mapped, nothing is loaded meanwhile."""
        if not source.rights:
            yield
            return
        with self.loader().excluded(grant.collection_id):
            yield

    @contextmanager
    def giving(self, grant: Grant, group: Group | None) -> Iterator[None]:
        """During the block a group, or a person (None), is given a right on the collection. Raises Refused."""
        if not self._mapped(grant):
            yield
            return
        if group is None:
            raise Refused(
                "the collection keeps to the rights of its folder, which know groups: grant it to one with --group"
            )
        with self.loader().excluded(grant.collection_id):
            for source in self._mapped(grant):
                self._check_reader(grant, source, _reader(group, source))
            yield

    def _mapped(self, grant: Grant) -> tuple[SourceRecord, ...]:
        return tuple(source for source in self.documents().sources(grant) if source.rights)

    def _check_reader(self, grant: Grant, source: SourceRecord, reader: Reader) -> None:
        """Raise Refused unless a reader may read every document of a source in its folder, as it was loaded."""
        if not reader.gids:
            raise Refused(
                f"{reader.name} is no group of the folder {source.address}: remove that source and add it again with it"
            )
        documents, found = self.documents(), MappedFolder(Path(source.address), lambda: (reader,)).survey()
        name = str(found.root)
        there = {documents.fingerprints.place_key(grant, name, file.place): file for file in found.files}
        for place, held in documents.fingerprints.held(grant, name).items():
            file = there.get(place)
            if file is not None and file.is_barred:
                raise Refused(f"{held.info.path}: {file.problem}")
            if file is None or not file.version or file.version != held.version:
                raise Refused(
                    f"{held.info.path} is not what lies in the folder now: run `huisclos source sync`, then grant again"
                )


def _reader(group: Group, source: SourceRecord) -> Reader:
    gids = tuple(gid_of(unix) for unix, group_id in source.rights if group_id == group.id)
    return Reader(f"group {group.name}", gids)
