"""Every operation, by name: what the command line and the socket run."""

from chat.admin import key_operations  # noqa: F401 - it registers its own
from chat.admin.operations import CANCELLABLE, OPERATIONS

__all__ = ["CANCELLABLE", "OPERATIONS"]
