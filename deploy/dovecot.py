"""Find an IMAP server (Dovecot) for the tests of mailboxes, or install the distribution's package where this user may.

The tests start a server of their own in a folder of its own, on loopback, and end it. Without one they are skipped,
and say so.
"""

import os
import shutil
from pathlib import Path

from postgresql import has_run

PACKAGE = "dovecot-imapd"
STEPS = (
    ["apt-get", "update", "-qq"],
    ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "--no-install-recommends", PACKAGE],
)


def main() -> None:
    """Leave a server's program on this machine, or say what is skipped without it."""
    if is_here():
        return
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    print(f"[test] no IMAP server on this machine: installing the package {PACKAGE} …", flush=True)
    if not (shutil.which("apt-get") and all(has_run([*as_root, *step]) for step in STEPS) and is_here()):
        print(
            "[test] it could not be installed from here: the tests on a mailbox are skipped; "
            f"as root run `apt install {PACKAGE}`, then run this again",
            flush=True,
        )


def is_here() -> bool:
    """Whether a server can be started: Debian keeps it among the administrator's programs."""
    return Path("/usr/sbin/dovecot").exists() or shutil.which("dovecot") is not None


if __name__ == "__main__":
    main()
