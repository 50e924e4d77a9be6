"""where the documents of a collection come from by themselves, and what their files' versions were

Both stand in columns that are sealed already, `collections.state` and `documents.about`. No column is added. The number
is: a release that does not know of sources would lose them with the next change of their collection.
"""

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
