"""For every test: the chat view, imported without a house, writes its folders elsewhere than into the checkout."""

import atexit
import os
import shutil
import tempfile

if "CHAINLIT_APP_ROOT" not in os.environ:
    os.environ["CHAINLIT_APP_ROOT"] = tempfile.mkdtemp(prefix="huisclos-view-")
    atexit.register(shutil.rmtree, os.environ["CHAINLIT_APP_ROOT"], ignore_errors=True)
