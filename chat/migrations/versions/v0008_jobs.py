"""loads are jobs that outlive their process, and files that did not come in are kept with their reason

Both are sealed under the key of their collection and go with it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table("jobs", *_own(), _about())
    op.create_index("ix_jobs_collection_id", "jobs", ["collection_id"])
    keys = (sa.Column(name, sa.LargeBinary(32), nullable=False) for name in ("place_key", "source_key"))
    op.create_table("kept_out", *_own(), *keys, _about())
    op.create_index("ix_kept_out_place", "kept_out", ["collection_id", "place_key"])


def _own() -> tuple[sa.Column[str], sa.Column[str]]:
    owner = sa.ForeignKey("collections.id", ondelete="CASCADE")
    return sa.Column("id", sa.String(32), primary_key=True), sa.Column(
        "collection_id", sa.String(32), owner, nullable=False
    )


def _about() -> sa.Column[bytes]:
    return sa.Column("about", sa.LargeBinary, nullable=False)
