"""Make `.venv` complete: pip, the hashed requirements, the engine built for this machine, the project itself.

Standard library only: it runs before anything is installed. Each step is skipped when it is already done, so an
interrupted run continues. Everything that is fetched is checked by its hash, what builds the source packages too.
The compiled engine is kept in the cache folder, keyed by version, processor and CMAKE_ARGS, because llama.cpp is
compiled for the instructions of the machine at hand, and for its GPU where CMAKE_ARGS says so.
"""

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from steps import Watched, say, seconds, stop

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "deploy" / "requirements"
ENGINE = "llama-cpp-python"
FROM_SOURCE = ("cuid", "literalai", "syncer")
"""Packages that their authors publish without wheels; a further one stops the installation and is added here."""

ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
BUILD_ENVIRONMENT = ENVIRONMENT / "build"
BUILT = ENVIRONMENT / "built"
ENGINE_OPTIONS = ENVIRONMENT / "engine-options"
SERVERS = {
    "bucket": "S3 server of the tests",
    "topics": "Kafka broker of the tests",
    "native": "llama.cpp server of the tests",
}
"""What the tests drive in environments of their own."""

OURS = ("chat", "models", "rag", "security")
SUPPORTED = ((3, 11), (3, 13))


@dataclass(frozen=True)
class Step:
    """Something to do once. It is done again when what it depends on (files, or texts) changes."""

    title: str
    depends: tuple[Path | str, ...]
    act: Callable[[], None]

    @property
    def stamp(self) -> Path:
        """The file that says it is done for exactly these dependencies."""
        parts = (item.read_bytes() if isinstance(item, Path) else item.encode() for item in self.depends)
        digest = hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]
        return ENVIRONMENT / ".done" / f"{re.sub('[^a-z]+', '-', self.title.lower())}-{digest}"


def main() -> None:
    """Run the steps that are not done yet, saying which, how far, and how long each took."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--dev", action="store_true", help="also what the tests need")
    name = "dev" if parser.parse_args().dev else "run"
    check_python()
    left = [step for step in steps(name) if not step.stamp.exists()]
    started = time.monotonic()
    for number, step in enumerate(left, 1):
        begun = time.monotonic()
        say(f"{number}/{len(left)} {step.title} …")
        step.act()
        step.stamp.parent.mkdir(exist_ok=True)
        step.stamp.touch()
        say(f"{number}/{len(left)} {step.title}: done in {seconds(begun)}")
    if left:
        say(f"the environment is complete after {seconds(started)}")


def steps(name: str) -> tuple[Step, ...]:
    """Everything, in order. `name` is "run" or "dev", which holds all of "run"."""
    pins = [REQUIREMENTS / f"{part}.txt" for part in ("pip", "build", "run", name)]
    if name == "run" and Step("Packages dev", (*pins[:3], REQUIREMENTS / "dev.txt"), lambda: None).stamp.exists():
        name, pins[3] = "dev", REQUIREMENTS / "dev.txt"
    options = engine_options()
    return (
        Step("Environment .venv", (platform.python_version(),), make_environment),
        Step("pip", (pins[0],), lambda: install("pip", "--require-hashes", "-r", str(pins[0]))),
        Step(f"Packages {name}", tuple(pins), lambda: install_packages(name)),
        Step("Build tools and source packages", (*pins[:2], *source_blocks(name)), lambda: install_source(name)),
        Step("Engine llama.cpp", (pins[1], engine_block(), processor() + options), lambda: install_engine(options)),
        Step("Huis Clos", (ROOT / "pyproject.toml",), install_project),
        Step(
            "Compiled code", tuple(sorted(path for part in OURS for path in (ROOT / part).rglob("*.py"))), compile_ours
        ),
        *(server_step(server, pins[0]) for server in SERVERS if name == "dev"),
    )


def check_python() -> None:
    """Stop early, and say what to do, on a Python that the dependencies do not support."""
    low, high = SUPPORTED
    if not low <= sys.version_info[:2] <= high:
        stop(f"Python {platform.python_version()}: expected 3.11 to 3.13; run `make PYTHON=python3.12 install`")


def make_environment() -> None:
    """Create the virtual environment; Debian ships the module that does it apart."""
    try:
        venv.create(ENVIRONMENT, with_pip=True, clear=PYTHON.exists() and not is_same_python())
    except Exception as error:  # noqa: BLE001 - ensurepip fails in many ways, with one remedy
        stop(f"python3 cannot make a virtual environment ({error}): install python3-venv and run again")


def is_same_python() -> bool:
    """Whether the environment that is there was made by this version of Python."""
    settings = ENVIRONMENT / "pyvenv.cfg"
    return settings.exists() and platform.python_version() in settings.read_text()


def pip(what: str, *arguments: str, python: Path = PYTHON) -> None:
    """Run our pip for a Python, telling how long it lasts; the end of what it said is shown when it fails."""
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--python", str(python), *arguments]
    Watched(what, ENVIRONMENT / "install.log").run(command)


def install(what: str, *arguments: str) -> None:
    """Install into the environment."""
    pip(what, "install", *arguments)


def blocks(name: str) -> list[str]:
    """The requirements of a file, each with its hashes."""
    return [block for block in re.split(r"\n(?=\S)", (REQUIREMENTS / f"{name}.txt").read_text()) if "==" in block]


def engine_block() -> str:
    """The engine's requirement."""
    return next(block for block in blocks("run") if block.startswith(f"{ENGINE}=="))


def source_blocks(name: str) -> list[str]:
    """The requirements of the packages that come only as source."""
    return [block for block in blocks(name) if block.startswith(tuple(f"{package}==" for package in FROM_SOURCE))]


def requirements(name: str, wanted: list[str]) -> str:
    """A requirements file in the environment's folder, of these requirements."""
    path = ENVIRONMENT / f"{name}-requirements.txt"
    path.write_text("\n".join(wanted) + "\n")
    return str(path)


def install_packages(name: str) -> None:
    """Install every pinned wheel by its hash, nothing resolved."""
    apart = {engine_block(), *source_blocks(name)}
    wanted = requirements(name, [block for block in blocks(name) if block not in apart])
    install("packages", "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", wanted)


def install_source(name: str) -> None:
    """Build the packages that come only as source, with pinned tools and nothing else, and install them."""
    venv.create(BUILD_ENVIRONMENT)
    tools = ("--only-binary", ":all:", "--require-hashes", "-r", str(REQUIREMENTS / "build.txt"))
    pip("build tools", "install", *tools, python=BUILD_ENVIRONMENT / "bin" / "python")
    build("source packages", source_blocks(name), BUILT)
    install("source packages", "--no-deps", "--no-index", *(str(wheel) for wheel in BUILT.glob("*.whl")))


def build(what: str, wanted: list[str], folder: Path) -> None:
    """Build wheels from hashed source in the environment of pinned tools."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    arguments = ("--no-deps", "--no-build-isolation", "--no-binary", ":all:", "--no-cache-dir")
    source = requirements("build", wanted)
    python = BUILD_ENVIRONMENT / "bin" / "python"
    pip(what, "wheel", "-v", "--require-hashes", *arguments, "-r", source, "-w", str(folder), python=python)


def install_engine(options: str) -> None:
    """Install llama-cpp-python from the cached wheel, compiling it first when this machine has none."""
    folder = engine_cache(options)
    if not list(folder.glob("*.whl")):
        if not any(shutil.which(name) for name in ("c++", "g++", "clang++")):
            stop("no C++ compiler found: install one (Debian, Ubuntu: apt install build-essential) and run again")
        say("the engine is compiled for this machine: about five minutes on two cores, half an hour for a GPU; once")
        building = folder / f"building-{os.getpid()}"
        try:
            os.environ["CMAKE_ARGS"] = options
            build("compiling llama.cpp", [engine_block()], building)
            for wheel in building.glob("*.whl"):
                wheel.replace(folder / wheel.name)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    install("engine", "--no-deps", "--no-index", "--force-reinstall", str(next(folder.glob("*.whl"))))
    ENGINE_OPTIONS.write_text(options)


def engine_cache(options: str) -> Path:
    """Where the compiled engine is kept: by requirement, interpreter-independent, processor and options."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huisclos" / "wheels"
    key = engine_block() + "\n" + processor() + options
    return cache / f"{ENGINE}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def engine_options() -> str:
    """What the engine is compiled with beyond its defaults, for a GPU: CMAKE_ARGS, or where it is not set the last."""
    last = ENGINE_OPTIONS.read_text() if ENGINE_OPTIONS.exists() else ""
    return os.environ.get("CMAKE_ARGS", last)


def processor() -> str:
    """The instruction set: a wheel compiled for one processor may crash on another."""
    information = Path("/proc/cpuinfo")
    if not information.exists():
        return platform.machine()
    flags = [line for line in information.read_text().splitlines() if line.startswith(("flags", "Features"))]
    return platform.machine() + (flags[0] if flags else "")


def install_project() -> None:
    """Put the console script in place; the code itself is used from this folder."""
    install("huisclos", "--no-deps", "--no-build-isolation", "--no-index", "-e", str(ROOT))


def server_step(server: str, pip_pins: Path) -> Step:
    """What makes the environment of a server that the tests drive."""
    return Step(SERVERS[server], (pip_pins, REQUIREMENTS / f"{server}.txt"), lambda: install_server(server))


def install_server(server: str) -> None:
    """An environment of its own for a server that the tests drive."""
    folder = ENVIRONMENT / server
    venv.create(folder, clear=True)
    wheels = ("--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", str(REQUIREMENTS / f"{server}.txt"))
    pip(f"the {SERVERS[server]}", "install", *wheels, python=folder / "bin" / "python")


def compile_ours() -> None:
    """Compile our modules once: a reader of documents may write nowhere, and would compile them for each file anew."""
    subprocess.run([PYTHON, "-m", "compileall", "-q", *OURS], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
