"""Find a PostgreSQL server for the tests of the truth, or install the distribution's package where this user may.

The tests start a server of their own in a folder of its own, on loopback, and end it. Without one they are skipped,
and say so: nobody should have to install a server to try the rest.
"""

import os
import shutil
import subprocess
from pathlib import Path

PACKAGE = "postgresql"
STEPS = (
    ["apt-get", "update", "-qq"],
    ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "--no-install-recommends", PACKAGE],
)


def main() -> None:
    """Leave a server's programs on this machine, or say what is skipped without them."""
    if is_here():
        return
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    print(f"[test] no PostgreSQL server on this machine: installing the package {PACKAGE} …", flush=True)
    if not (shutil.which("apt-get") and all(has_run([*as_root, *step]) for step in STEPS) and is_here()):
        print(
            "[test] it could not be installed from here: the tests on PostgreSQL are skipped; "
            "as root run `apt install postgresql`, then run this again",
            flush=True,
        )


def is_here() -> bool:
    """Whether a server can be made: Debian keeps its programs off the path."""
    return any(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or shutil.which("initdb") is not None


def has_run(command: list[str]) -> bool:
    """Whether the command ended well."""
    try:
        return subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False  # no sudo


if __name__ == "__main__":
    main()
