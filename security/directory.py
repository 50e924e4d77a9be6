"""The directory: people and their groups, what they may do with which collection, and their sessions."""

import secrets
from dataclasses import replace

from sqlalchemy import Connection, Engine, delete, select
from sqlalchemy.exc import IntegrityError

from security.access import Right
from security.attempts import AttemptLimiter
from security.clock import Clock, utc_now
from security.errors import AccessDenied, NameRefused, SealBroken
from security.groups import Groups, remove_forged_groups, rights_of_groups
from security.identity import OPERATOR, CollectionId, Principal, Role, UserId
from security.keyring import Keyring, person_owner
from security.names import checked_name, folded
from security.passwords import PASSWORD_COST, Argon2Cost, PasswordHasher, check_strength
from security.profiles import UserProfile, UserRecord, open_profile, seal_profile
from security.register import Register, rows_beside, strike
from security.roll import GRANTS, MEMBERSHIPS, REMEDY, USERS, Entries, sealed_mark
from security.sealing import RandomBytes
from security.sessions import SessionBook
from security.tables import metadata, users

__all__ = ["Directory", "UserRecord", "metadata"]

_ID_BYTES = 12


class Directory:
    """Users, grants and sessions in the database, none of which opens or holds after an edit by hand.

    Rows of users, groups and grants are compared with the sealed roll: one put back as it once was raises SealBroken.
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
        self._keyring = keyring
        self._hasher = PasswordHasher(password_cost)
        self._attempts = AttemptLimiter(clock)
        self._sessions = SessionBook(engine, keyring, clock, random)
        self._clock = clock
        self._random = random
        self._register = Register(engine, keyring)
        self.groups = Groups(self._register, keyring, random)

    def verify(self) -> None:
        """Compare people, groups and rights with the roll as they stand now. Raises SealBroken, OlderState.

        Of a house that was written before there was a roll, what stands there is taken over.
        """
        self._register.verify()

    def accept(self) -> None:
        """Take what stands there for what the house wrote, for an administrator who looks at it afterwards.

        Users and groups who do not open and grants without their proof go.
        """
        self._register.accept(self._remove_forged)

    def _remove_forged(self, connection: Connection) -> None:
        key = self._keyring.for_system()
        for user_id, sealed in connection.execute(select(users.c.id, users.c.profile)).all():
            try:
                open_profile(key, user_id, sealed)
            except SealBroken:
                connection.execute(delete(users).where(users.c.id == user_id))
        remove_forged_groups(connection, self._keyring)

    # People

    def add_user(self, name: str, password: str, role: Role) -> UserId:
        """Add a user, with a key of their own. Raises NameRefused, PasswordRefused."""
        shown = checked_name(name, "user")
        check_strength(password)
        user_id = UserId(self._random(_ID_BYTES).hex())
        record = UserRecord(user_id, shown, role, disabled=False, created_at=self._clock())
        profile = UserProfile(record, self._hasher.hash(password), credentials=1)
        self._keyring.create(person_owner(user_id))
        try:
            self._write(profile)
        except IntegrityError as error:
            self._keyring.destroy(person_owner(user_id))
            raise NameRefused("a user of that name is there already; choose another name") from error
        return user_id

    def users(self) -> tuple[UserRecord, ...]:
        """Give every user, disabled ones too, by name."""
        records = [profile.record for profile in self._register.checked(self._profiles)]
        return tuple(sorted(records, key=lambda record: (folded(record.name), record.id)))

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
        with self._register.change:
            profile = self._known(user_id)
            self._write(replace(profile, record=replace(profile.record, disabled=True)))
        self._sessions.end_all(user_id)

    def remove(self, user_id: UserId) -> None:
        """Forget a user with their rights, memberships and sessions, for when their key is gone."""
        with self._register.changing() as (connection, entries):
            strike(connection, entries, GRANTS, lambda row: row[0] == user_id)
            strike(connection, entries, MEMBERSHIPS, lambda row: row[1] == user_id)
            connection.execute(delete(users).where(users.c.id == user_id))
            entries.sealed[USERS].pop(user_id, None)
        self._sessions.end_all(user_id)

    # Passwords

    def set_password(self, user_id: UserId, password: str) -> None:
        """Replace a user's password and end their sessions. Raises PasswordRefused, AccessDenied if unknown."""
        check_strength(password)
        hashed = self._hasher.hash(password)
        with self._register.change:
            profile = self._known(user_id)
            self._write(replace(profile, password_hash=hashed, credentials=profile.credentials + 1))
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
        self._register.write(GRANTS, (user_id, collection_id, right.value))

    def take(self, user_id: UserId, collection_id: CollectionId, right: Right | None = None) -> None:
        """Strike out a right, or every right of a user on a collection. Open pages feel it at their next question."""
        struck = {right.value} if right else {each.value for each in Right}
        own = (user_id, collection_id)
        self._register.strike_out(GRANTS, lambda row: row[:2] == own and row[2] in struck)

    def take_all(self, collection_id: CollectionId) -> None:
        """Strike out every right on a collection, for when it is removed."""
        self._register.strike_out(GRANTS, lambda row: row[1] == collection_id)
        self.groups.take_all(collection_id)

    def grantees(self, collection_id: CollectionId) -> tuple[tuple[UserId, Right], ...]:
        """Give who holds which right on a collection by themselves, not through a group."""
        rows = self._register.rows(GRANTS, collection_id=collection_id)
        return tuple((UserId(row[0]), Right(row[2])) for row in rows)

    def rights(self, user_id: UserId, collection_id: CollectionId) -> frozenset[Right]:
        """Give the rights of a user on a collection, groups included; none for what does not exist."""
        return frozenset(right for _, right in self._held(user_id, collection_id=collection_id))

    def collections(self, user_id: UserId) -> tuple[CollectionId, ...]:
        """Give the collections on which a user holds any right, groups included, by id."""
        return tuple(sorted({collection_id for collection_id, _ in self._held(user_id)}))

    def _held(self, user_id: UserId, **wanted: str) -> frozenset[tuple[CollectionId, Right]]:
        """By themselves or through a group, as of one moment."""

        def look(connection: Connection, entries: Entries) -> frozenset[tuple[CollectionId, Right]]:
            direct = rows_beside(connection, entries, GRANTS, user_id=user_id, **wanted)
            by_group = rights_of_groups(connection, entries, user_id, **wanted)
            return frozenset((CollectionId(row[1]), Right(row[2])) for row in direct) | by_group

        return self._register.checked(look)

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
        return self._keyring.for_system().blind("user name", folded(name).encode())

    def _profile_named(self, name_key: bytes) -> UserProfile | None:
        def look(connection: Connection, entries: Entries) -> UserProfile | None:
            found = connection.execute(select(users.c.id).where(users.c.name_key == name_key)).scalar_one_or_none()
            return self._open(connection, entries, UserId(found)) if found else None

        return self._register.checked(look)

    def _profile(self, user_id: UserId) -> UserProfile | None:
        return self._register.checked(lambda connection, entries: self._open(connection, entries, user_id))

    def _profiles(self, connection: Connection, entries: Entries) -> list[UserProfile]:
        there = set(connection.execute(select(users.c.id)).scalars())
        opened = (self._open(connection, entries, UserId(each)) for each in sorted(there | set(entries.sealed[USERS])))
        return [profile for profile in opened if profile]

    def _open(self, connection: Connection, entries: Entries, user_id: UserId) -> UserProfile | None:
        """A user's row, which is the one that the roll knows; None where neither knows the user."""
        key = self._keyring.for_system()
        row = connection.execute(select(users.c.name_key, users.c.profile).where(users.c.id == user_id)).one_or_none()
        mark = sealed_mark(key, USERS, user_id, row.name_key, row.profile) if row else None
        if mark != entries.sealed[USERS].get(user_id):
            if row:
                open_profile(key, user_id, row.profile)  # where it does not open, that is the better word
            raise SealBroken(f"user {user_id}: the row was removed, or put back as it once was; {REMEDY}")
        return open_profile(key, user_id, row.profile) if row else None

    def _known(self, user_id: UserId) -> UserProfile:
        profile = self._profile(user_id)
        if profile is None:
            raise AccessDenied(f"no user with id {user_id[:64]!r}; list them with `huisclos user list`")
        return profile

    def _write(self, profile: UserProfile) -> None:
        record, sealed = profile.record, seal_profile(self._keyring.for_system(), profile)
        self._register.put(USERS, record.id, self._name_key(record.name), sealed)
