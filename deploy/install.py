"""Make `.venv` complete: pip, the hashed requirements, the engine built for this machine, the project itself.

Standard library only: it runs before anything is installed. Each step is skipped when it is already done, so an
interrupted run continues. Wheels that are slow to build are kept in the cache folder, keyed by version and
processor, because llama.cpp is compiled for the instructions of the machine at hand.
"""

import argparse
import hashlib
import os
import platform
import re
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "deploy" / "requirements"
BUILT_HERE = "llama-cpp-python"
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
SUPPORTED = ((3, 11), (3, 13))


def main() -> None:
    """Run the steps that are not done yet, saying which and how long each took."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--dev", action="store_true", help="also what the tests need")
    name = "dev" if parser.parse_args().dev else "run"
    check_python()
    steps: list[tuple[str, Callable[[], None]]] = [
        ("environment .venv", make_environment),
        ("pip", lambda: pip_install("--require-hashes", "-r", str(REQUIREMENTS / "pip.txt"))),
        (f"packages ({name}.txt, hashed)", lambda: install_packages(name)),
        ("engine (llama.cpp: five minutes when it must be compiled, seconds from the cache)", install_engine),
        ("huisclos", install_project),
    ]
    for number, (title, step) in enumerate(steps, 1):
        run_once(f"{number}/{len(steps)} {title}", stamp(number, name), step)


def check_python() -> None:
    """Stop early, and say what to do, on a Python that the dependencies do not support."""
    low, high = SUPPORTED
    if not low <= sys.version_info[:2] <= high:
        sys.exit(f"Python {platform.python_version()}: expected 3.11 to 3.13; run `make PYTHON=python3.12 install`")


def stamp(number: int, name: str) -> Path:
    """The file that says a step is done for exactly these requirements."""
    content = b"".join((REQUIREMENTS / f"{part}.txt").read_bytes() for part in ("pip", name))
    content += (ROOT / "pyproject.toml").read_bytes()
    return ENVIRONMENT / f".step-{number}-{name}-{hashlib.sha256(content).hexdigest()[:12]}"


def run_once(title: str, done: Path, step: Callable[[], None]) -> None:
    """Run a step unless its stamp is there; leave the stamp only after it ended well."""
    if done.exists():
        return
    print(f"[install] {title} …", flush=True)
    started = time.monotonic()
    step()
    done.touch()
    print(f"[install] {title}: done in {time.monotonic() - started:.0f} s", flush=True)


def make_environment() -> None:
    """Create the virtual environment; Debian ships the module that does it apart."""
    try:
        venv.create(ENVIRONMENT, with_pip=True)
    except (subprocess.CalledProcessError, ImportError):
        sys.exit("python3 cannot make a virtual environment: install python3-venv and run again")


def pip(*arguments: str) -> None:
    """Run the environment's pip; its own message stands when it fails."""
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", *arguments]
    if subprocess.run(command, check=False).returncode:
        sys.exit(f"pip {arguments[0]} failed (its message stands above); run the same command again, it continues")


def pip_install(*arguments: str) -> None:
    """Install quietly with a progress bar for what is downloaded."""
    pip("install", "--quiet", "--progress-bar", "on" if sys.stdout.isatty() else "off", *arguments)


def split_requirements(name: str) -> tuple[str, str]:
    """The requirements file in two: everything that comes as a wheel, and the engine, which is built here."""
    blocks = re.split(r"\n(?=\S)", (REQUIREMENTS / f"{name}.txt").read_text())
    engine = [block for block in blocks if block.startswith(BUILT_HERE)]
    return "\n".join(block for block in blocks if block not in engine) + "\n", "\n".join(engine) + "\n"


def install_packages(name: str) -> None:
    """Install every pinned package by its hash, nothing resolved."""
    wanted = ENVIRONMENT / f"{name}-wheels.txt"
    wanted.write_text(split_requirements(name)[0])
    pip_install("--require-hashes", "--no-deps", "-r", str(wanted))


def install_engine() -> None:
    """Install llama-cpp-python from the cached wheel, compiling it first when this machine has none."""
    folder = engine_cache()
    if not list(folder.glob("*.whl")):
        source = ENVIRONMENT / "engine.txt"
        source.write_text(split_requirements("run")[1])
        building = folder / "building"
        building.mkdir(parents=True, exist_ok=True)
        pip("wheel", "--no-deps", "--require-hashes", "-r", str(source), "-w", str(building))
        for wheel in building.glob("*.whl"):
            wheel.replace(folder / wheel.name)
        building.rmdir()
    pip_install("--no-deps", "--no-index", str(next(folder.glob("*.whl"))))


def engine_cache() -> Path:
    """Where the compiled engine is kept: by requirement, interpreter-independent, and processor."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huisclos" / "wheels"
    key = split_requirements("run")[1] + processor()
    return cache / f"{BUILT_HERE}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def processor() -> str:
    """The instruction set: a wheel compiled for one processor may crash on another."""
    information = Path("/proc/cpuinfo")
    if not information.exists():
        return platform.machine()
    flags = [line for line in information.read_text().splitlines() if line.startswith(("flags", "Features"))]
    return platform.machine() + (flags[0] if flags else "")


def install_project() -> None:
    """Put the console script in place; the code itself is used from this folder."""
    pip_install("--no-deps", "--no-build-isolation", "--no-index", "-e", str(ROOT))


if __name__ == "__main__":
    main()
