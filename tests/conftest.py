"""For every test: the chat view, imported without a house, writes its folders elsewhere than into the checkout."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest

if "CHAINLIT_APP_ROOT" not in os.environ:
    os.environ["CHAINLIT_APP_ROOT"] = tempfile.mkdtemp(prefix="huisclos-view-")
    atexit.register(shutil.rmtree, os.environ["CHAINLIT_APP_ROOT"], ignore_errors=True)


@pytest.fixture
def process_as_it_was() -> Iterator[None]:
    """For a test that opens a house in this process: the house hardens the process, and its memory goes at the end."""
    environment, folder, mask = dict(os.environ), tempfile.tempdir, os.umask(0o077)
    yield
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = folder
    os.umask(mask)
