"""For every test: the chat view, imported without a house, writes its folders elsewhere than into the checkout."""

import os
import tempfile

os.environ.setdefault("CHAINLIT_APP_ROOT", tempfile.mkdtemp(prefix="huisclos-view-"))
