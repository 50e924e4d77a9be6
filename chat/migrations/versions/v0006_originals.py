"""whether a collection gives its originals to people who only read

It stands in `collections.state`, which is sealed already and bound by its epoch. No column is added. The number is: a
release that does not know of it would serve what is withheld, and lose that it is with its next change of the
collection; it does not open a house of this revision.
"""

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
