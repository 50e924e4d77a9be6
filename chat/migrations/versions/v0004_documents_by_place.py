"""a document is found by its place without a look at the others of its collection"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index("ix_documents_place", "documents", ["collection_id", "place_key"])
    op.drop_index("ix_documents_collection_id", "documents")
