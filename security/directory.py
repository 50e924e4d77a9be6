"""The directory: people, what they may do with which collection, and their sessions."""

import hmac
import json
import secrets
import threading
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, Delete, Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from security.access import Right
from security.attempts import AttemptLimiter
from security.clock import Clock, utc_now
from security.errors import AccessDenied, PasswordRefused, SealBroken
from security.identity import OPERATOR, CollectionId, Principal, Role, UserId
from security.keyring import Keyring, person_owner
from security.passwords import PASSWORD_COST, Argon2Cost, PasswordHasher, check_strength
from security.sealing import Context, DataKey, RandomBytes, frame
from security.sessions import SessionBook
from security.tables import grants, metadata, users

__all__ = ["Directory", "UserRecord", "metadata"]

NAME_CHARACTERS_MAX = 200
_ID_BYTES = 12


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


class Directory:
    """Users, grants and sessions in the database, none of which opens or holds after an edit by hand.

    The operator has grants like anybody, no password, and cannot sign in. Safe to use from several threads.
    """

    def __init__(
        self,
        engine: Engine,
        keyring: Keyring,
        *,
        password_cost: Argon2Cost = PASSWORD_COST,
        clock: Clock = utc_now,
        random: RandomBytes = secrets.token_bytes,
    ) -> None:
        self._engine = engine
        self._keyring = keyring
        self._hasher = PasswordHasher(password_cost)
        self._attempts = AttemptLimiter(clock)
        self._sessions = SessionBook(engine, keyring, clock, random)
        self._clock = clock
        self._random = random
        self._change = threading.Lock()  # a profile is read, changed and written back

    # People

    def add_user(self, name: str, password: str, role: Role) -> UserId:
        """Add a user, with a key of their own. Raises PasswordRefused for a taken name or a weak password."""
        shown = _check_name(name)
        check_strength(password)
        user_id = UserId(self._random(_ID_BYTES).hex())
        record = UserRecord(user_id, shown, role, disabled=False, created_at=self._clock())
        profile = UserProfile(record, self._hasher.hash(password), credentials=1)
        self._keyring.create(person_owner(user_id))
        try:
            self._insert(profile)
        except IntegrityError as error:
            self._keyring.destroy(person_owner(user_id))
            raise PasswordRefused("a user of that name is there already; choose another name") from error
        return user_id

    def users(self) -> tuple[UserRecord, ...]:
        """Give every user, disabled ones too, by name."""
        key = self._keyring.for_system()
        with self._engine.connect() as connection:
            rows = connection.execute(select(users.c.id, users.c.profile)).all()
        records = (_open_profile(key, UserId(row.id), row.profile).record for row in rows)
        return tuple(sorted(records, key=lambda record: (_fold(record.name), record.id)))

    def find_user(self, name: str) -> UserRecord | None:
        """Give the user of that name; case and width of letters do not matter."""
        profile = self._profile_named(self._name_key(name))
        return profile.record if profile else None

    def user(self, user_id: UserId) -> UserRecord | None:
        """Give the user with that id."""
        profile = self._profile(user_id)
        return profile.record if profile else None

    def is_active(self, user_id: UserId) -> bool:
        """Tell whether the user exists and is not disabled. The operator always is."""
        if user_id == OPERATOR.user_id:
            return True
        record = self.user(user_id)
        return record is not None and not record.disabled

    def disable(self, user_id: UserId) -> None:
        """Keep a user from signing in and end their sessions. Their conversations stay sealed under their key."""
        with self._change:
            profile = self._known(user_id)
            self._update(replace(profile, record=replace(profile.record, disabled=True)))
        self._sessions.end_all(user_id)

    def remove(self, user_id: UserId) -> None:
        """Forget a user with their rights and sessions, for when their key is gone."""
        with self._engine.begin() as connection:
            for table, column in ((grants, grants.c.user_id), (users, users.c.id)):
                connection.execute(delete(table).where(column == user_id))
        self._sessions.end_all(user_id)

    # Passwords

    def set_password(self, user_id: UserId, password: str) -> None:
        """Replace a user's password and end their sessions. Raises PasswordRefused, AccessDenied if unknown."""
        check_strength(password)
        hashed = self._hasher.hash(password)
        with self._change:
            profile = self._known(user_id)
            self._update(replace(profile, password_hash=hashed, credentials=profile.credentials + 1))
        self._sessions.end_all(user_id)

    def check_password(self, name: str, password: str) -> Principal | None:
        """Give the principal whose name and password these are, or None.

        An unknown name costs the same work as a wrong password. After five failures in a row under one name, known
        or not, raises TooManyAttempts with the seconds to wait.
        """
        name_key = self._name_key(name)
        self._attempts.admit(name_key)
        profile = self._profile_named(name_key)
        is_right = self._hasher.matches(password, profile.password_hash if profile else None)
        if profile is None or not is_right or profile.record.disabled:
            return None
        self._attempts.succeeded(name_key)
        return profile.record.principal

    # Grants

    def give(self, user_id: UserId, collection_id: CollectionId, right: Right) -> None:
        """Write down a right. Giving it twice is giving it once. Raises AccessDenied for an unknown user."""
        if user_id != OPERATOR.user_id:
            self._known(user_id)
        proof = _grant_proof(self._keyring.for_system(), user_id, collection_id, right.value)
        row = {"user_id": user_id, "collection_id": collection_id, "right": right.value}
        with self._engine.begin() as connection:
            connection.execute(_strike_out(user_id, collection_id, right))
            connection.execute(insert(grants).values(**row, proof=proof))

    def take(self, user_id: UserId, collection_id: CollectionId, right: Right | None = None) -> None:
        """Strike out a right, or every right of a user on a collection. Open pages feel it at their next question."""
        with self._engine.begin() as connection:
            connection.execute(_strike_out(user_id, collection_id, right))

    def take_all(self, collection_id: CollectionId) -> None:
        """Strike out every right on a collection, for when it is removed."""
        with self._engine.begin() as connection:
            connection.execute(delete(grants).where(grants.c.collection_id == collection_id))

    def grantees(self, collection_id: CollectionId) -> tuple[tuple[UserId, Right], ...]:
        """Give who holds which right on a collection."""
        rows = self._grant_rows(grants.c.collection_id == collection_id)
        return tuple((UserId(row[0]), Right(row[2])) for row in rows)

    def rights(self, user_id: UserId, collection_id: CollectionId) -> frozenset[Right]:
        """Give the rights of a user on a collection; none for what does not exist."""
        rows = self._grant_rows(grants.c.user_id == user_id, grants.c.collection_id == collection_id)
        return frozenset(Right(row[2]) for row in rows)

    def collections(self, user_id: UserId) -> tuple[CollectionId, ...]:
        """Give the collections on which a user holds any right, by id."""
        rows = self._grant_rows(grants.c.user_id == user_id)
        return tuple(CollectionId(row) for row in sorted({row[1] for row in rows}))

    # Sessions

    def open_session(self, principal: Principal) -> str:
        """Give the token of a new session. The operator has none: raises AccessDenied."""
        profile = self._known(principal.user_id)
        if profile.record.disabled:
            raise AccessDenied("this user is disabled and has no sessions")
        return self._sessions.open(principal.user_id, profile.credentials)

    def session(self, token: str) -> Principal | None:
        """Give whose running session this is, with their present role; None once ended, idle or too old."""
        ticket = self._sessions.find(token)
        profile = ticket and self._profile(ticket.user_id)
        if not ticket or not profile or profile.record.disabled or profile.credentials != ticket.credentials:
            return None
        return profile.record.principal

    def end_session(self, token: str) -> None:
        """End one session."""
        self._sessions.end(token)

    def end_sessions(self, user_id: UserId) -> None:
        """End every session of a user."""
        self._sessions.end_all(user_id)

    # Rows

    def _name_key(self, name: str) -> bytes:
        return self._keyring.for_system().blind("user name", _fold(name).encode())

    def _profile_named(self, name_key: bytes) -> UserProfile | None:
        with self._engine.connect() as connection:
            query = select(users.c.id, users.c.profile).where(users.c.name_key == name_key)
            row = connection.execute(query).one_or_none()
        return _open_profile(self._keyring.for_system(), UserId(row.id), row.profile) if row else None

    def _profile(self, user_id: UserId) -> UserProfile | None:
        with self._engine.connect() as connection:
            sealed = connection.execute(select(users.c.profile).where(users.c.id == user_id)).scalar_one_or_none()
        return _open_profile(self._keyring.for_system(), user_id, sealed) if sealed else None

    def _known(self, user_id: UserId) -> UserProfile:
        profile = self._profile(user_id)
        if profile is None:
            raise AccessDenied(f"no user with id {user_id[:64]!r}; list them with `huisclos user list`")
        return profile

    def _insert(self, profile: UserProfile) -> None:
        row = {"id": profile.record.id, "name_key": self._name_key(profile.record.name)}
        sealed = _seal_profile(self._keyring.for_system(), profile)
        with self._engine.begin() as connection:
            connection.execute(insert(users).values(**row, profile=sealed))

    def _update(self, profile: UserProfile) -> None:
        sealed = _seal_profile(self._keyring.for_system(), profile)
        with self._engine.begin() as connection:
            connection.execute(update(users).where(users.c.id == profile.record.id).values(profile=sealed))

    def _grant_rows(self, *conditions: ColumnElement[bool]) -> tuple[tuple[str, str, str], ...]:
        """Give (user, collection, right) of the rows; raises SealBroken at one the house did not write."""
        columns = (grants.c.user_id, grants.c.collection_id, grants.c.right, grants.c.proof)
        with self._engine.connect() as connection:
            rows = connection.execute(select(*columns).where(*conditions).order_by(*columns[:3])).all()
        key = self._keyring.for_system()
        for user_id, collection_id, right, proof in rows:
            if not hmac.compare_digest(proof, _grant_proof(key, user_id, collection_id, right)):
                raise SealBroken(f"grant of {user_id} on {collection_id} was not written by the house; delete its row")
        return tuple((row[0], row[1], row[2]) for row in rows)


def _grant_proof(key: DataKey, user_id: str, collection_id: str, right: str) -> bytes:
    return key.blind("grant", frame(user_id.encode(), collection_id.encode(), right.encode()))


def _strike_out(user_id: UserId, collection_id: CollectionId, right: Right | None) -> Delete:
    statement = delete(grants).where(grants.c.user_id == user_id, grants.c.collection_id == collection_id)
    return statement if right is None else statement.where(grants.c.right == right.value)


def _fold(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _check_name(name: str) -> str:
    shown = " ".join(unicodedata.normalize("NFC", name).split())
    if not shown or len(shown) > NAME_CHARACTERS_MAX or not shown.isprintable():
        raise PasswordRefused(f"a user name has 1 to {NAME_CHARACTERS_MAX} printable characters; choose another")
    if _fold(shown) == OPERATOR.user_id:
        raise PasswordRefused(f"the name {OPERATOR.user_id} belongs to the command line; choose another")
    return shown


def _seal_profile(key: DataKey, profile: UserProfile) -> bytes:
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


def _open_profile(key: DataKey, user_id: UserId, sealed: bytes) -> UserProfile:
    content = json.loads(key.open(sealed, _profile_context(user_id)))
    created_at = datetime.fromisoformat(content["created_at"])
    record = UserRecord(user_id, content["name"], Role(content["role"]), content["disabled"], created_at)
    return UserProfile(record, content["password_hash"], content["credentials"])


def _profile_context(user_id: UserId) -> Context:
    return Context("users", user_id, "profile")
