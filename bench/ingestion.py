"""A folder of documents and questions coming in: what it costs beside embedding, what of it can be found, how it stays.

`python -m bench.ingestion --eval DIR [--files 10000]`. DIR holds `docs/` and `questions.jsonl` (fields `answerable`,
`gold`: `doc`, `page`, `passage`). Measured are: native PDFs and office files loaded against their texts embedded bare;
the share of gold passages whose words stand in the sealed passages, on their page where one is named, written and
scanned; a check of many unchanged files; a changed file among them, loaded by itself, until it is found.
"""

import argparse
import json
import re
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.loading import HeardEmbedder, fresh_collection
from bench.measure import Bench, Row, options_of
from chat.admin.bench import temporary_house
from chat.assembly import House
from chat.settings import load_settings
from rag.documents import Block, BlockKind, Chunk, ParsedDocument, Passage, PassageId
from rag.loading import Loader
from rag.store.values import IndexEntry, NewDocument
from security.access import Grant, Right
from security.identity import OPERATOR

NATIVE = frozenset({".pdf", ".docx", ".doc", ".pptx", ".xlsx", ".odt", ".ods", ".odp", ".rtf"})
SCAN = re.compile(r"\.scan\.pdf$|/scans/")
FILES = 10_000
FOUND_MIN = 0.9
"""A gold passage is found when this share of its words stands on its page: everyone writes tables differently."""
ON_PAGE_MIN = 0.3
"""Of a passage that runs over the edge of its page, this share at least stands on the page named."""
SECONDS_UNCHANGED, SECONDS_CHANGED = 30.0, 5.0
"""What a check of unchanged files, and a changed file, may take."""
GOLD_WRITTEN, GOLD_SCANNED = 0.97, 0.90
"""Shares of gold passages that are to be found. Targets stand as baselines where there is no other product to run."""


@dataclass(frozen=True, slots=True)
class Gold:
    """A passage that somebody marked as the answer's: the words of it, where it stands."""

    doc: str
    page: int | None
    words: frozenset[str]


def main() -> None:
    """Load natives against their embedding, then everything; look for the gold; check and change a large share."""
    options = _options()
    bench = Bench("ingestion")
    with temporary_house(load_settings(Path("state"))) as house, tempfile.TemporaryDirectory() as name:
        grant = fresh_collection(house, "ingestion")
        rows = [] if options.eval is None else [*came_in(house, grant, options.eval, Path(name) / "natives")]
        rows += stays(house, Path(name) / "share", options.files) if options.files else []
        bench.finish(rows, options.results)


def came_in(house: House, grant: Grant, folder: Path, natives: Path) -> Iterator[Row]:
    """What loading costs, and what of the gold came in."""
    heard = HeardEmbedder(house.embedder)
    loader = Loader(house.documents, house.index, heard, house.memory_dir, house.models.tessdata())
    count = copy_natives(folder / "docs", natives)
    passages = 0

    def load() -> None:
        nonlocal passages
        passages = sum(file.passages for file in loader.load(grant, natives))

    ours, bare = cost_of(load), cost_of(lambda: house.embedder.embed_passages(heard.texts))
    case = f"{count} native PDFs and office files, {passages} passages, against their texts embedded"
    yield Row(case, "s", ours[0], bare[0], 1)
    yield Row(f"{case}, on all processors", "s", ours[1], bare[1], 1)
    for _ in loader.load(grant, folder / "docs"):
        pass
    gold = read_gold(folder / "questions.jsonl")
    held = words_held(house, house.policy.grant(OPERATOR, grant.collection_id, Right.READ))
    for kind, target, is_scanned in (("written", GOLD_WRITTEN, False), ("scanned", GOLD_SCANNED, True)):
        wanted = [each for each in gold if bool(SCAN.search(each.doc)) is is_scanned]
        if wanted:
            found = sum(is_found(each, held) for each in wanted) / len(wanted)
            yield Row(f"gold passages found on their page, {kind}, against the target", "", found, target, len(wanted))


def cost_of(act: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of processors: of this process and of children that ended."""
    started, before = time.perf_counter(), _processor_seconds()
    act()
    return time.perf_counter() - started, _processor_seconds() - before


def _processor_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def copy_natives(documents: Path, target: Path) -> int:
    """Copy the files with a text of their own into a folder; gives their number."""
    chosen = [path for path in sorted(documents.rglob("*")) if path.suffix in NATIVE and not SCAN.search(str(path))]
    for path in chosen:
        place = target / path.relative_to(documents)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    return len(chosen)


def read_gold(questions: Path) -> list[Gold]:
    """The gold of every answerable question."""
    rows = [json.loads(line) for line in questions.read_text().splitlines()]
    marked = [gold for row in rows if row["answerable"] for gold in row["gold"]]
    return [Gold(gold["doc"], gold.get("page"), words_of(gold["passage"])) for gold in marked]


def words_of(text: str) -> frozenset[str]:
    """The words of a text, without what a table is drawn with."""
    return frozenset(re.findall(r"\w+", text.replace("<br>", " ").lower()))


def words_held(house: House, grant: Grant) -> Mapping[tuple[str, int | None], set[str]]:
    """The words of the sealed passages by document and page, and by document alone (page None)."""
    held: dict[tuple[str, int | None], set[str]] = {}
    for passage in _passages(house, grant):
        words = words_of(" ".join((*passage.chunk.headings, passage.chunk.text)))
        for page in {None, passage.chunk.page}:
            held.setdefault((passage.document.path, page), set()).update(words)
    return held


def is_found(gold: Gold, held: Mapping[tuple[str, int | None], set[str]]) -> bool:
    """Whether enough of the words stand where they should: on the page named, running over its edges."""
    there = held.get((gold.doc, gold.page), set())
    if gold.page is None:
        return len(gold.words & there) >= FOUND_MIN * len(gold.words)
    around = there.union(*(held.get((gold.doc, gold.page + step), ()) for step in (-1, 1)))
    is_on_page = len(gold.words & there) >= ON_PAGE_MIN * len(gold.words)
    return is_on_page and len(gold.words & around) >= FOUND_MIN * len(gold.words)


def _passages(house: House, grant: Grant) -> Iterator[Passage]:
    for batch in house.documents.entries.texts(house.policy.for_indexing(grant.collection_id)):
        yield from house.documents.passages(grant, [PassageId(identifier) for identifier, _ in batch])


def stays(house: House, share: Path, files: int) -> list[Row]:
    """A check of unchanged files, and a changed one among them until it is found."""
    grant = fresh_collection(house, "share")
    put_files(house, grant, share, files)
    started = time.perf_counter()
    unchanged = sum(file.state == "unchanged" for file in house.loader.load(grant, share))
    checked = time.perf_counter() - started
    (share / _name(files // 2)).write_text("The zeppelin lands at noon.")
    started = time.perf_counter()
    for _ in house.loader.load(grant, share / _name(files // 2)):
        pass
    reading = house.policy.grant(OPERATOR, grant.collection_id, Right.READ)
    is_there = any(
        "zeppelin" in item.passage.chunk.text for item in house.searcher.search([reading], "zeppelin", 3).passages
    )
    changed = time.perf_counter() - started
    if unchanged != files or not is_there:
        raise RuntimeError(f"{unchanged} of {files} files were unchanged, the changed one was found: {is_there}")
    return [
        Row(f"{files:,} unchanged files checked, against the target", "s", checked, SECONDS_UNCHANGED, 1),
        Row(
            f"one of {files:,} files changed, loaded by itself, until it is found, against the target",
            "s",
            changed,
            SECONDS_CHANGED,
            1,
        ),
    ]


def put_files(house: House, grant: Grant, share: Path, files: int) -> None:
    """Small files in a folder, stored as a load would have stored them, with vectors drawn by chance."""
    share.mkdir()
    generator = np.random.default_rng(1)
    entries: list[IndexEntry] = []
    for number in range(files):
        text = f"Note number {number} of the share."
        (share / _name(number)).write_text(text)
        vector = generator.standard_normal(384, np.float32)
        parsed = ParsedDocument(_name(number), None, (Block(BlockKind.PARAGRAPH, text),))
        chunks, vectors = (
            (Chunk(0, text, None, (), 0, len(text), identifiers=()),),
            vector[None] / np.linalg.norm(vector),
        )
        new = NewDocument(str(share.resolve()), _name(number), "text/plain", text.encode(), parsed, chunks, vectors)
        entries += house.documents.put(grant, new)[1]
    house.index.add(grant.collection_id, entries)
    house.index.settle(grant.collection_id)


def _name(number: int) -> str:
    return f"note-{number:05}.txt"


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = options_of("ingestion", __doc__)
    parser.add_argument("--eval", type=Path, help="a folder with docs/ and questions.jsonl")
    parser.add_argument("--files", type=int, default=FILES, help="how many unchanged files are checked; 0 for none")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
