"""Resolve `deploy/requirements/*.in` into `*.txt`: every version pinned, every file by its hashes, all Pythons at once.

`make lock` keeps the versions that stand and adds what is missing; `make lock ARGS=--upgrade` takes the newest. Name
the changed versions in the commit, and run `make test` before it. The resolver is uv, itself pinned in `lock.txt`.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent / "requirements"
OLDEST_PYTHON = "3.11"
HEAD = "# Made by `make lock` (deploy/lock.py) from {name}.in; never edited by hand.\n"


def main() -> None:
    """Resolve each file; a failure leaves the earlier one as it was."""
    with tempfile.TemporaryDirectory() as folder:
        python = resolver(Path(folder))
        for source in sorted(REQUIREMENTS.glob("*.in")):
            resolve(python, source, sys.argv[1:])


def resolver(folder: Path) -> Path:
    """A Python that has uv, as pinned."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    hashed = ["--require-hashes", "-r", str(REQUIREMENTS / "lock.txt")]
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *hashed], check=True)
    return python


def resolve(python: Path, source: Path, options: list[str]) -> None:
    """Resolve one file for every Python from the oldest, with the hashes of every file of each version."""
    target = source.with_suffix(".txt")
    command = [python, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header"]
    command += ["--no-annotate", "--python-version", OLDEST_PYTHON, "--output-file", target, *options, source]
    subprocess.run(command, check=True, cwd=REQUIREMENTS, stdout=subprocess.DEVNULL)
    target.write_text(HEAD.format(name=source.stem) + target.read_text())
    print(f"[lock] {target.name}: {target.read_text().count('==')} versions", flush=True)


if __name__ == "__main__":
    main()
