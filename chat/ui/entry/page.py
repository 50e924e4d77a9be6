"""What Chainlit loads by path. Stands alone in its folder, because that folder goes first on the search path."""

import chat.ui.handlers  # noqa: F401 - registers the handlers
