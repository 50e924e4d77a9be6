"""Every operation, by name: what the command line and the socket run."""

from chat.admin import (  # noqa: F401 - they register their own
    backup_operations,
    collection_operations,
    evaluation_operations,
    group_operations,
    integrity_operations,
    job_operations,
    key_operations,
    quality_operations,
    source_operations,
    task_operations,
    worker_operations,
)
from chat.admin.operations import CANCELLABLE, OPERATIONS

__all__ = ["CANCELLABLE", "OPERATIONS"]
