"""What a user's row seals: name, role, password's hash."""

import json
from dataclasses import dataclass
from datetime import datetime

from security.identity import Principal, Role, UserId
from security.sealing import Context, DataKey


@dataclass(frozen=True, slots=True)
class UserRecord:
    """What the house knows of a user."""

    id: UserId
    name: str
    role: Role
    disabled: bool
    created_at: datetime

    @property
    def principal(self) -> Principal:
        """The user as somebody who asks."""
        return Principal(self.id, self.role)


@dataclass(frozen=True, slots=True)
class UserProfile:
    """What a user's row seals. `credentials` counts passwords from 1; a session of an earlier one has ended."""

    record: UserRecord
    password_hash: str
    credentials: int


def seal_profile(key: DataKey, profile: UserProfile) -> bytes:
    """The profile for the user's row."""
    record = profile.record
    content = {
        "name": record.name,
        "role": record.role.value,
        "disabled": record.disabled,
        "created_at": record.created_at.isoformat(),
        "password_hash": profile.password_hash,
        "credentials": profile.credentials,
    }
    return key.seal(json.dumps(content).encode(), _profile_context(record.id))


def open_profile(key: DataKey, user_id: UserId, sealed: bytes) -> UserProfile:
    """The profile out of the user's row. Raises SealBroken."""
    content = json.loads(key.open(sealed, _profile_context(user_id)))
    created_at = datetime.fromisoformat(content["created_at"])
    record = UserRecord(user_id, content["name"], Role(content["role"]), content["disabled"], created_at)
    return UserProfile(record, content["password_hash"], content["credentials"])


def _profile_context(user_id: UserId) -> Context:
    return Context("users", user_id, "profile")
