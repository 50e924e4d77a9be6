"""groups of people, who is in them, and what they may do

The roll of users and grants counts their rows too: a release that does not know of them would take them for changed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "groups",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("about", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name_key"),
    )
    op.create_table(
        "memberships",
        sa.Column("group_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("proof", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("group_id", "user_id"),
    )
    op.create_table(
        "group_grants",
        sa.Column("group_id", sa.String(length=64), nullable=False),
        sa.Column("collection_id", sa.String(length=64), nullable=False),
        sa.Column("right", sa.String(length=16), nullable=False),
        sa.Column("proof", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("group_id", "collection_id", "right"),
    )
