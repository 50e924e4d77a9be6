"""Bytes on disk per passage, sealed, against the plain text with its vector.

`python -m bench.disk [--folder DIR] [--passages 10000]`. Ours is what files grow by (allocated blocks, the log written
back): rows with sealed text and sealed float16 vector, and sealed originals. The baselines are the passages' own UTF-8
bytes with a float16 or float32 vector each, and the original files' own bytes.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from bench.material import DEMO, Sample, fill, originals, read_samples, variations
from bench.measure import Bench, Row, options_of
from chat.admin.bench import temporary_grant, temporary_house
from chat.assembly import House
from chat.settings import load_settings
from security.access import Right

PASSAGES = 10_000
FLOAT16, FLOAT32 = 2, 4
BLOCK = 512
"""The unit of st_blocks."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """Allocated bytes of the database and the sealed originals."""

    database: int
    originals: int

    def __sub__(self, other: "Footprint") -> "Footprint":
        return Footprint(self.database - other.database, self.originals - other.originals)


def main() -> None:
    """Put a folder's documents, then many variations of them, and look at the files."""
    options = _options()
    bench = Bench("disk")
    with temporary_house(load_settings(Path("state"))) as house:
        bench.finish(measured(house, read_samples(house, options.folder), options.passages), options.results)


def measured(house: House, samples: Sequence[Sample], passages: int) -> Iterator[Row]:
    """Rows for the folder as it is, then for about `passages` passages."""
    grant = temporary_grant(house, Right.MANAGE)
    count = sum(len(sample.chunks) for sample in samples)
    plain = sum(len(chunk.text.encode()) for sample in samples for chunk in sample.chunks) / count
    vector = samples[0].vectors.shape[1]

    def grown(documents: Callable[[], int]) -> tuple[Footprint, int]:
        before = footprint(house)
        added = documents()
        return footprint(house) - before, added

    first, added = grown(lambda: fill(grant, house.documents, house.index, originals(samples), count))
    files = sum(len(sample.content) for sample in samples)
    yield Row("the folder: sealed originals, against the files", "B/passage", first.originals / added, files / added, 1)
    more, added = grown(lambda: fill(grant, house.documents, house.index, variations(samples), passages))
    for width, name in ((FLOAT16, "float16"), (FLOAT32, "float32")):
        against = plain + vector * width
        yield Row(
            f"{added:,} passages in the database, against text and {name}",
            "B/passage",
            more.database / added,
            against,
            1,
        )


def footprint(house: House) -> Footprint:
    """What the files take now, the database's log written back."""
    with house.engine.connect() as connection:
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    database = sum(_allocated(path) for path in house.state.glob("*.db*"))
    return Footprint(database, _below(house.state / "originals"))


def _below(folder: Path) -> int:
    return sum(_allocated(path) for path in folder.rglob("*") if path.is_file())


def _allocated(path: Path) -> int:
    return path.stat().st_blocks * BLOCK


def _options() -> argparse.Namespace:
    parser = options_of("disk", __doc__)
    parser.add_argument("--folder", type=Path, default=DEMO, help="documents to seal")
    parser.add_argument("--passages", type=int, default=PASSAGES)
    return parser.parse_args()


if __name__ == "__main__":
    main()
