"""The tables of this package. Columns that name people or decide what they may do are sealed or proved by a mac."""

from sqlalchemy import BigInteger, Column, Float, Integer, LargeBinary, MetaData, String, Table

metadata = MetaData()

users = Table(
    "users",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name_key", LargeBinary(32), nullable=False, unique=True),  # blind("user name", folded name)
    Column("profile", LargeBinary, nullable=False),  # sealed JSON: see directory.UserProfile
)

grants = Table(
    "grants",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("collection_id", String(64), primary_key=True),
    Column("right", String(16), primary_key=True),
    Column("proof", LargeBinary(32), nullable=False),  # blind("grant", the three above)
)

groups = Table(
    "groups",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name_key", LargeBinary(32), nullable=False, unique=True),  # blind("group name", folded name)
    Column("about", LargeBinary, nullable=False),  # sealed JSON: name
)

memberships = Table(
    "memberships",
    metadata,
    Column("group_id", String(64), primary_key=True),
    Column("user_id", String(64), primary_key=True),
    Column("proof", LargeBinary(32), nullable=False),  # blind("membership", the two above)
)

group_grants = Table(
    "group_grants",
    metadata,
    Column("group_id", String(64), primary_key=True),
    Column("collection_id", String(64), primary_key=True),
    Column("right", String(16), primary_key=True),
    Column("proof", LargeBinary(32), nullable=False),  # blind("group grant", the three above)
)

roll = Table(
    "roll",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("sealed", LargeBinary, nullable=False),  # sealed JSON: epoch and digest of people, groups and rights
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),  # SHA-256 of the token
    Column("user_id", String(64), nullable=False, index=True),
    Column("seen_at", Float, nullable=False),  # seconds since 1970, UTC
    Column("ticket", LargeBinary, nullable=False),  # sealed JSON: see sessions.Ticket
)

audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),  # ISO 8601, UTC, microseconds
    Column("actor", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("object_id", String(200), nullable=False),
    Column("outcome", String(64), nullable=False),
    Column("mac", LargeBinary(32), nullable=False),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("sealed", LargeBinary, nullable=False),  # sealed JSON: seq and mac of the last entry
)
