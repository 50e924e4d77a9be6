"""Find a Chromium for the browser tests, or install the distribution's package where this user may."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")
PACKAGE = "chromium"


def main() -> None:
    """Leave a Chromium on the path, or stop with what to install."""
    if any(shutil.which(name) for name in NAMES):
        return
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    print(f"[test] no Chromium on the path: installing the package {PACKAGE} …", flush=True)
    if not (shutil.which("apt-get") and all(_has_run([*as_root, *step]) for step in STEPS) and shutil.which(PACKAGE)):
        sys.exit(
            "the browser tests need Chromium or Google Chrome on the path, and it could not be installed from here: "
            "as root run `apt install chromium` (Ubuntu: `snap install chromium`), then run this again"
        )


STEPS = (
    ["apt-get", "update", "-qq"],
    ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "--no-install-recommends", PACKAGE],
)


def _has_run(command: list[str]) -> bool:
    try:
        return subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False  # no sudo


if __name__ == "__main__":
    main()
