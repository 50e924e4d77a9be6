"""Data carried by packages of Debian and Ubuntu: fetched by apt into a folder of its own, opened, never installed.

No right beyond the user's is needed: apt keeps its lists and its cache in the folder too.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from models.catalogue import DebianPackage, ModelEntry
from models.errors import SourceFailed
from models.sources import Progress, Report, need_room, writing

SECONDS_MAX = 300
ROOM_BYTES = 400 * 1024 * 1024
"""Package lists of a release, unpacked."""


def fetch_package(source: DebianPackage, entry: ModelEntry, target: Path, report: Report) -> None:
    """Fetch the package with the lists that are here, else with fresh ones, and take its member out."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise SourceFailed(f"package {source.package}: there is no apt on this machine")
    need_room(target.parent, ROOM_BYTES, entry.file)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".apt-") as name:
        folder = Path(name)
        package = _download(source.package, [], folder) or _download(source.package, _own_lists(folder), folder)
        if package is None:
            raise SourceFailed(f"package {source.package}: apt cannot fetch it; check the network and apt's sources")
        unpacked = folder / "unpacked"
        _run(["dpkg-deb", "--extract", str(package), str(unpacked)], folder)
        found = [path for path in unpacked.rglob(entry.file) if path.is_file() and not path.is_symlink()]
        if not found:
            raise SourceFailed(f"package {source.package} has no {entry.file}; the catalogue is wrong")
        with writing(target, entry.file):
            shutil.copyfile(found[0], target)
    report(Progress(entry.file, entry.bytes, entry.bytes))


def _download(package: str, options: Sequence[str], folder: Path) -> Path | None:
    """The package's file in `folder`, or None where apt does not give it."""
    if options and not _run(["apt-get", *options, "update"], folder):
        return None
    _run(["apt-get", *options, "download", package], folder)
    return next(folder.glob("*.deb"), None)


def _own_lists(folder: Path) -> list[str]:
    for part in ("lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    options = (f"Dir::State::lists={folder}/lists", f"Dir::Cache={folder}/cache", "Debug::NoLocking=1")
    return ["-qq", *(part for option in options for part in ("-o", option))]


def _run(command: Sequence[str], folder: Path) -> bool:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS_MAX,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
