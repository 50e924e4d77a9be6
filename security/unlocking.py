"""Secrets that another program keeps: a systemd credential, or what a command prints (Vault, a TPM, an HSM).

The command comes from the environment of the process, never from the state folder: whoever could write there would
otherwise run a program at each start.
"""

import shlex
import subprocess
from pathlib import Path

from security.errors import KeyringLocked
from security.slots import Given, SlotKind

COMMAND_SECONDS_MAX = 60
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 16, 4096


def credential(path: Path) -> Given:
    """The secret in a file that systemd decrypted for this service (`LoadCredentialEncrypted=`)."""
    try:
        with path.open("rb") as file:
            content = file.read(SECRET_BYTES_MAX + 1)
    except OSError as error:
        raise KeyringLocked(f"credential {path} cannot be read ({error.strerror}); see the service's unit") from error
    return Given(SlotKind.CREDENTIAL, _checked(content, f"credential {path.name}"))


def printed_by(command: str) -> Given:
    """The secret that a command prints. It runs without a shell; what it says on standard error stays visible."""
    words = shlex.split(command)
    program = words[0] if words else "nothing"
    try:
        ended = subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=COMMAND_SECONDS_MAX, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise KeyringLocked(f"{program} printed no secret in {COMMAND_SECONDS_MAX} s; try it by hand") from error
    except (OSError, IndexError) as error:
        raise KeyringLocked(f"{program} cannot be run ({error}); give the whole path of the program") from error
    if ended.returncode:
        raise KeyringLocked(f"{program} ended with {ended.returncode} and gave no secret; try it by hand")
    return Given(SlotKind.COMMAND, _checked(ended.stdout, program))


def _checked(content: bytes, source: str) -> bytes:
    """Without the line's end that editors and `echo` leave."""
    secret = content.removesuffix(b"\n").removesuffix(b"\r")
    if not SECRET_BYTES_MIN <= len(secret) <= SECRET_BYTES_MAX:
        raise KeyringLocked(
            f"{source} gave {len(secret)} bytes, expected {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX}; "
            "a good secret is the output of `openssl rand -hex 32`"
        )
    return secret
