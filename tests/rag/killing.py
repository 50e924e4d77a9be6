"""A house whose processes are killed at any moment."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from rag.documents import PassageId
from rag.index.memory import MemoryIndex
from rag.store.documents import DocumentStore
from security.access import AccessPolicy, Right
from security.identity import OPERATOR, CollectionId
from security.keystore import open_keyring
from security.slots import KeyFile
from tests.rag.conftest import EverybodyMay, WordEmbedder
from tests.rag.killed_process import EXACT_PASSAGES_MAX, ROUNDS

ROOT = Path(__file__).parents[2]
START = (
    "import sys, types; tests = sys.modules['tests'] = types.ModuleType('tests'); tests.__path__ = [sys.argv.pop(1)]; "
    "from tests.rag.killed_process import main; main()"
)
"""Some installed packages bring a `tests` of their own, which would be found first."""
FILES, PAGES = 12, 4
CANARY = "wombat"


@dataclass(slots=True)
class KilledHouse:
    """A state folder with one collection, a folder to load, and what its processes told."""

    state: Path
    secret: Path
    memory: Path
    folder: Path
    engine: Engine
    collection_id: CollectionId
    held: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def write(self, first: int, last: int, words: str = "") -> None:
        """Make the folder hold the files of these numbers and no others."""
        wanted = {name_of(number): text_of(number, words) for number in range(first, last)}
        for path in self.folder.glob("*.md"):
            if path.name not in wanted:
                path.unlink()
        for name, text in wanted.items():
            (self.folder / name).write_text(text)
        for number in range(ROUNDS):
            extra = self.folder.with_name(f"extra-{number}")
            extra.mkdir(exist_ok=True)
            (extra / name_of(90 + number)).write_text(text_of(90 + number, words))

    def run(self, what: str) -> None:
        """Let it come to its end."""
        output, _ = self._start(what).communicate()
        self.hear(output)
        assert output.endswith("done\n")

    def kill(self, what: str, moment: float) -> None:
        """Kill it so many seconds after its first line; it may have ended."""
        process = self._start(what)
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(moment)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        self.hear(first + process.communicate()[0])

    def seconds(self, what: str) -> float:
        """From its first line to its end."""
        process = self._start(what)
        assert process.stdout is not None
        self.hear(process.stdout.readline())
        started = time.monotonic()
        self.hear(process.communicate()[0])
        return time.monotonic() - started

    def hear(self, lines: str) -> None:
        """Whole lines are true; what is going may be either."""
        for line in lines.splitlines(keepends=True):
            word, _, path = line.rstrip("\n").partition(" ")
            if not line.endswith("\n") or word not in {"held", "going", "gone"}:
                continue
            self.held.discard(path)
            self.gone.discard(path)
            if word != "going":
                (self.held if word == "held" else self.gone).add(path)

    def check(self) -> None:
        """Everything told is so in the truth, which opens whole, and the index finds that and nothing else."""
        policy = AccessPolicy(EverybodyMay())
        store = DocumentStore(self.engine, open_keyring(self.state, KeyFile(self.secret)), self.state / "originals")
        grant, indexing = (
            policy.grant(OPERATOR, self.collection_id, Right.READ),
            policy.for_indexing(self.collection_id),
        )
        assert store.integrity.look(indexing) == ()
        infos = {info.id: info for info in store.documents(grant)}
        paths = {info.path for info in infos.values()}
        assert self.held <= paths
        assert not self.gone & paths
        entries = [entry for batch in store.entries.all(indexing) for entry in batch]
        opened = store.passages(grant, [PassageId(entry.passage_id) for entry in entries])
        assert len(opened) == len(entries) == sum(info.passages for info in infos.values())
        for info in infos.values():
            original = b"".join(store.original(grant, info.id)).decode()
            assert original.startswith(f"The {CANARY} of page 0 in file {info.path[-5:-3]}.")
        index = MemoryIndex(self.memory / "check", store.snapshots, EXACT_PASSAGES_MAX)
        try:
            store.snapshots.keep_only({self.collection_id})
            index.open(indexing, store)
            near = index.search_dense(grant, WordEmbedder().embed_queries([CANARY])[0], 10_000)
            assert set(near) == {entry.passage_id for entry in entries}
            assert set(index.search_lexical(grant, CANARY, 10_000)) == set(near)
        finally:
            index.close()

    def check_unreadable(self) -> None:
        """No word of ours stands in the files."""
        self.engine.dispose()
        written = b"".join(path.read_bytes() for path in self.state.rglob("*") if path.is_file())
        assert CANARY.encode() not in written

    def _start(self, what: str) -> subprocess.Popen[str]:
        (self.memory / "check").mkdir(exist_ok=True)
        (self.memory / "run").mkdir(exist_ok=True)
        arguments = (what, self.state, self.secret, self.memory / "run", self.folder)
        command = [sys.executable, "-c", START, str(ROOT / "tests"), *map(str, arguments)]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)


def moments(seconds: float, count: int, seed: int) -> list[float]:
    """Moments within a time, and a little after."""
    drawn = random.Random(seed)
    return [drawn.uniform(0, seconds * 1.05) for _ in range(count)]


def name_of(number: int) -> str:
    return f"{CANARY}-{number:02}.md"


def text_of(number: int, words: str = "") -> str:
    pages = (f"The {CANARY} of page {page} in file {number:02}. {words} " * 20 for page in range(PAGES))
    return "\n\n".join(pages)
