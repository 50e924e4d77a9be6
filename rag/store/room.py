"""A full disk, by whatever name it is told."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import OperationalError

from rag.errors import StoreFull

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def room() -> Iterator[None]:
    """Turn the many words for a full disk into StoreFull."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise StoreFull("no room for the sealed store; free space and load again: it goes on from here") from error
    except OperationalError as error:
        if "full" not in str(error.orig):
            raise
        raise StoreFull("no room for the sealed store; free space and load again: it goes on from here") from error
