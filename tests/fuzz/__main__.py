"""Fuzz each reader for some seconds, then give what was found to the sandbox: `make fuzz SECONDS=60`.

A finding is an input that ends a reader otherwise than by its errors, or the parent at all. It is kept in the folder
that is named at the end; make it small, fix what it shows, and keep it in `tests/data/fuzz`.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rag.errors import DocumentEmpty, DocumentRejected
from rag.parsing.filetypes import MediaType
from rag.parsing.sandbox import read_document
from tests.fuzz.seeds import BYTES_MAX, SUFFIXES, seeds

HANG_SECONDS = 30
MEMORY_MB = 2560
READ_SHARE = 0.2
"""Of the time of a reader goes to what the parent makes of its inputs."""
_ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where nothing was found, 1 otherwise."""
    asked = _parser().parse_args(arguments)
    kept = Path(asked.findings)
    found = [finding for name in asked.formats or _names() for finding in fuzz(name, asked.seconds, asked.more, kept)]
    print(f"findings: {len(found)}" + (f", in {kept}" if found else ""), flush=True)
    return 1 if found else 0


def fuzz(name: str, seconds: float, folders: Sequence[Path], kept: Path) -> list[Path]:
    """What is found in a format's reader, kept in a folder."""
    kind = MediaType[name.upper()]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        corpus, findings = Path(folder, "corpus"), Path(folder, "findings")
        for place in (corpus, findings):
            place.mkdir()
        for number, seed in enumerate(seeds(kind, folders)):
            (corpus / f"seed-{number}").write_bytes(seed)
        runs = _run(name, corpus, findings, seconds * (1 - READ_SHARE))
        reads = _read_by_parent(kind, corpus, findings, seconds * READ_SHARE)
        moved = [_keep(path, kept, name) for path in sorted(findings.iterdir())]
        print(f"{name}: {runs} inputs, {reads} through the sandbox, {len(moved)} findings", flush=True)
    return moved


def _run(name: str, corpus: Path, findings: Path, seconds: float) -> int:
    """Run libFuzzer, again after each finding, until the time is over; gives how many inputs were tried."""
    end, runs = time.monotonic() + seconds, 0
    while (left := end - time.monotonic()) >= 1:
        options = [f"-max_total_time={int(left)}", f"-timeout={HANG_SECONDS}", f"-rss_limit_mb={MEMORY_MB}"]
        options += [f"-max_len={BYTES_MAX}", f"-artifact_prefix={findings}/", "-print_final_stats=1"]
        command = [sys.executable, "-m", "tests.fuzz.target", name, str(corpus), *options]
        where = {**os.environ, "PYTHONPATH": str(_ROOT), "PYTHONWARNINGS": "ignore"}
        ended = subprocess.run(
            command, check=False, cwd=corpus.parent, env=where, capture_output=True, text=True, errors="replace"
        )
        runs += _inputs(ended.stderr)
        if ended.returncode:
            print(f"{name}: ended with {ended.returncode}\n{ended.stdout[-2000:]}{ended.stderr[-1500:]}", flush=True)
        if "number_of_executed_units" not in ended.stderr:
            break
    return runs


def _inputs(report: str) -> int:
    lines = (line.rpartition(":")[2] for line in report.splitlines() if "number_of_executed_units" in line)
    return sum(int(count) for count in lines)


def _read_by_parent(kind: MediaType, corpus: Path, findings: Path, seconds: float) -> int:
    """Give inputs to the sandbox, findings first and then the newest; what raises anything else is a finding."""
    end, count = time.monotonic() + seconds, 0
    paths = [*findings.iterdir(), *sorted(corpus.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as memory:
        for path in paths:
            if time.monotonic() > end:
                break
            count += 1
            try:
                read_document(f"file{SUFFIXES.get(kind, '')}", path.read_bytes(), Path(memory))
            except (DocumentRejected, DocumentEmpty):
                continue
            except Exception as error:  # noqa: BLE001 - the very thing that is looked for
                print(f"the parent raised {error!r}", flush=True)
                shutil.copy(path, findings / f"parent-{path.name}")
    return count


def _keep(path: Path, kept: Path, name: str) -> Path:
    kept.mkdir(parents=True, exist_ok=True)
    return Path(shutil.move(path, kept / f"{name}-{path.name}"))


def _names() -> Iterator[str]:
    return (kind.name.lower() for kind in MediaType)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("formats", nargs="*", help="formats, such as xls or pptx; all where none is named")
    parser.add_argument("--seconds", type=float, default=60, help="for each format")
    parser.add_argument(
        "--more", type=Path, action="append", default=[], help="a folder of further files to begin with"
    )
    parser.add_argument("--findings", default="fuzz-findings", help="where findings are kept")
    return parser


if __name__ == "__main__":
    sys.exit(main())
