"""Find a program that the tests drive, or install the distribution's package where this user may.

`python deploy/programs.py chromium|postgresql|dovecot`. The tests start servers of their own, in folders of their own
and on loopback, and end them. Without a browser the tests do not begin; without a server those that need it are
skipped, and say so: nobody should have to install one to try the rest.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Program:
    """What is looked for, the package that has it, and what its absence means."""

    title: str
    package: str
    is_here: Callable[[], bool]
    without: str
    is_needed: bool = False


def main() -> None:
    """Leave the program on this machine; without it stop, or say what is skipped."""
    program = PROGRAMS[sys.argv[1]]
    if program.is_here():
        return
    print(f"[test] no {program.title} on this machine: installing the package {program.package} …", flush=True)
    if is_installed(program.package) and program.is_here():
        return
    sentence = f"it could not be installed from here: {program.without}, then run this again"
    if program.is_needed:
        sys.exit(sentence)
    print(f"[test] {sentence}", flush=True)


def is_installed(package: str) -> bool:
    """Whether the distribution's package could be installed, by this user or through sudo without a question."""
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    install = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "--no-install-recommends"]
    steps = (["apt-get", "update", "-qq"], [*install, package])
    return bool(shutil.which("apt-get")) and all(has_run([*as_root, *step]) for step in steps)


def has_run(command: list[str]) -> bool:
    """Whether the command ended well."""
    try:
        return subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False  # no sudo


def has_postgresql() -> bool:
    """Whether a server can be made: Debian keeps its programs off the path."""
    return any(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or shutil.which("initdb") is not None


def has_dovecot() -> bool:
    """Whether a server can be started: Debian keeps it among the administrator's programs."""
    return Path("/usr/sbin/dovecot").exists() or shutil.which("dovecot") is not None


def has_chromium() -> bool:
    """Whether a browser is on the path."""
    return any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))


PROGRAMS = {
    "chromium": Program(
        "Chromium",
        "chromium",
        has_chromium,
        "the browser tests need Chromium or Google Chrome on the path: as root run `apt install chromium` (Ubuntu: "
        "`snap install chromium`)",
        is_needed=True,
    ),
    "postgresql": Program(
        "PostgreSQL server",
        "postgresql",
        has_postgresql,
        "the tests on PostgreSQL are skipped; as root run `apt install postgresql`",
    ),
    "dovecot": Program(
        "IMAP server",
        "dovecot-imapd",
        has_dovecot,
        "the tests on a mailbox are skipped; as root run `apt install dovecot-imapd`",
    ),
}

if __name__ == "__main__":
    main()
