"""what a document holds that identifies somebody, and what its collection does with it

All of it stands in columns that are sealed already and bound by what they hold: `documents.about`, `passages.body`,
`collections.state`. No column is added. The number is: a release that does not know of the policy would show what is
to be masked, and lose the policy with its next change; it does not open a house of this revision.
"""

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
