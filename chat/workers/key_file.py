"""The file with which a worker opens the files that it reads, and nothing else of the house.

huisclos workers key | version | 64 hexadecimal digits          one line, mode 0600
"""

from pathlib import Path

from chat.errors import WorkerKeyUnusable
from security.errors import InsecureState
from security.files import read_private, write_private
from security.keyring import WORKERS, Keyring
from security.sealing import DataKey

_HEAD = "huisclos workers key"
_BYTES_MAX = 200


def write_key(path: Path, keyring: Keyring) -> None:
    """Write the workers' key into a file that only its owner may read. Raises WorkerKeyUnusable, KeyMissing.

    A file that is there and is no key of workers is left alone.
    """
    if path.exists():
        read_key(path)
    version, secret = keyring.workers_secret()
    try:
        write_private(path, f"{_HEAD} | {version} | {secret.hex()}\n".encode())
    except OSError as error:
        raise WorkerKeyUnusable(f"{path} cannot be written: {error.strerror}; name another place") from error


def read_key(path: Path) -> DataKey:
    """The key that a worker has. Raises WorkerKeyUnusable."""
    try:
        head, version, digits = read_private(path, _BYTES_MAX).decode("ascii").strip().split(" | ")
        key = DataKey(WORKERS, {int(version): bytes.fromhex(digits)})
    except OSError as error:
        raise WorkerKeyUnusable(
            f"{path} cannot be read: {error.strerror}; have it written by `huisclos worker key` on the server"
        ) from error
    except InsecureState as error:
        raise WorkerKeyUnusable(str(error)) from error
    except ValueError as error:
        raise _no_key(path) from error
    if head != _HEAD:
        raise _no_key(path)
    return key


def _no_key(path: Path) -> WorkerKeyUnusable:
    return WorkerKeyUnusable(
        f"{path} is no key of workers; name the file that `huisclos worker key` wrote, or a new one"
    )
