"""The tables of conversations. What was said is sealed under the key of the person it belongs to."""

from sqlalchemy import Column, ForeignKey, LargeBinary, MetaData, String, Table

ID_CHARACTERS_MAX = 64

metadata = MetaData()

threads = Table(
    "threads",
    metadata,
    Column("id", String(ID_CHARACTERS_MAX), primary_key=True),
    Column("user_id", String(64), nullable=False, index=True),
    Column("created_at", String(32), nullable=False),
    Column("updated_at", String(32), nullable=False, index=True),
    Column("about", LargeBinary, nullable=False),  # sealed JSON: name, metadata
)

steps = Table(
    "steps",
    metadata,
    Column("id", String(ID_CHARACTERS_MAX), primary_key=True),
    Column("thread_id", ForeignKey("threads.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", String(32), nullable=False),
    Column("body", LargeBinary, nullable=False),  # sealed JSON: what the page shows
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", String(ID_CHARACTERS_MAX), primary_key=True),
    Column("step_id", String(ID_CHARACTERS_MAX), nullable=False, unique=True),
    Column("thread_id", ForeignKey("threads.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("body", LargeBinary, nullable=False),  # sealed JSON: value, comment
)

tallies = Table(
    "tallies",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),  # sealed JSON: epoch and digest of the person's rows, see tally
)
