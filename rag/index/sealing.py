"""Shards sealed to snapshots, and restored from them: nothing comes in place that holds what was removed meanwhile."""

import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from rag.errors import IndexUnavailable
from rag.index.collection import CollectionIndex
from rag.index.shard import Shard
from rag.store.snapshots import Snapshots
from security.access import Grant
from security.identity import CollectionId

_INDEX = "index"


class Sealing:
    """Seals shards and their graphs. `folder` lies in memory, and holds what is on its way."""

    def __init__(self, snapshots: Snapshots, folder: Path) -> None:
        self._snapshots, self._folder = snapshots, folder

    def restored(self, grant: Grant, folder: Path) -> CollectionIndex:
        """A granted collection's index as it was sealed, in this folder. Raises SnapshotUnusable, IndexUnavailable."""
        about, files = self._snapshots.open(grant, _INDEX, folder)
        index = CollectionIndex.restored(folder, about, files)
        try:
            if index.graph is not None:
                name = index.graph.name
                self._snapshots.open(grant, name, folder / name)
                index.take_graph(folder / name, name)
        except BaseException:
            index.close()
            raise
        return index

    def seal(self, shard: Shard, grant: Grant) -> bool:
        """Put a shard to the disk and remove graphs that are no longer its own; gives whether it was done."""
        linked = self._folder / f"seal-{grant.collection_id}"
        shutil.rmtree(linked, ignore_errors=True)
        try:
            with shard.changing:
                if shard.index.is_spoiled or shard.is_dropped:
                    shard.is_wanted = True
                    return False
                removals, shard.is_changed, shard.sealed_at = shard.removals, False, time.monotonic()
                about, parts = shard.index.parts(linked)
            fresh = self._snapshots.write(grant, _INDEX, about, parts)
            with shard.changing:
                is_done = self._published(shard, fresh, removals)
                if is_done:
                    own = {_INDEX, shard.index.graph.name if shard.index.graph else ""}
                    names = self._snapshots.names(grant.collection_id)
                    self._snapshots.remove(grant.collection_id, *(names - own))
                return is_done
        except BaseException:
            shard.is_changed = True
            raise
        finally:
            shutil.rmtree(linked, ignore_errors=True)

    def unseal(self, shard: Shard, collection_id: CollectionId) -> None:
        """Remove what is sealed, and let nothing come that is being sealed. `shard.changing` is held."""
        shard.removals += 1
        shard.is_changed = True
        self._snapshots.remove(collection_id, *self._snapshots.names(collection_id))

    def remove_all(self, collection_id: CollectionId) -> None:
        """Remove what is sealed of a collection that has no shard, or whose shard is dropped."""
        self._snapshots.remove_all(collection_id)

    def grow(
        self, index: CollectionIndex, shard: Shard, grant: Grant, removals: int, is_cut_short: Callable[[], bool]
    ) -> None:
        """Give an index a larger graph, from the sealed one and the vectors that wait; sealed before it is used.

        The index is the shard's, or will be. Raises IndexUnavailable where more was removed than `removals` tells: it
        may be in the graph.
        """
        name = f"graph-{secrets.token_hex(8)}"
        folder = index.folder / name
        try:
            if index.graph is not None:
                self._snapshots.open(grant, index.graph.name, folder)
            index.grow(folder, is_cut_short)
            files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
            fresh = self._snapshots.write(grant, name, None, files)
            self._publish_graph(shard, fresh, removals)
            index.take_graph(folder, name)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _publish_graph(self, shard: Shard, fresh: Path, removals: int) -> None:
        with shard.changing:
            if not self._published(shard, fresh, removals):
                shard.is_wanted = True
                raise IndexUnavailable("the index is not made: something was removed meanwhile; it is tried again")

    def _published(self, shard: Shard, fresh: Path, removals: int) -> bool:
        """Put what was sealed in place, unless something that may be in it was removed since, or is about to be."""
        if shard.removals != removals or shard.is_dropped:
            self._snapshots.discard(fresh)
            return False
        self._snapshots.publish(fresh)
        return True
