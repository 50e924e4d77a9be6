"""what the owners of a collection judge it by: reports of people, their own questions, runs of these

All are sealed under the key of their collection and go with it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for name in ("reports", "questions", "evaluations"):
        owner = sa.ForeignKey("collections.id", ondelete="CASCADE")
        op.create_table(
            name,
            sa.Column("id", sa.String(32), primary_key=True),
            sa.Column("collection_id", sa.String(32), owner, nullable=False),
            sa.Column("about", sa.LargeBinary, nullable=False),
        )
        op.create_index(f"ix_{name}_collection_id", name, ["collection_id"])
