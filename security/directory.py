"""The directory: people, what they may do with which collection, and their sessions."""

import hmac
import secrets
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from security.access import Right
from security.attempts import AttemptLimiter
from security.clock import Clock, utc_now
from security.errors import AccessDenied, PasswordRefused, SealBroken
from security.identity import OPERATOR, CollectionId, Principal, Role, UserId
from security.keyring import Keyring, person_owner
from security.passwords import PASSWORD_COST, Argon2Cost, PasswordHasher, check_strength
from security.profiles import UserProfile, UserRecord, open_profile, seal_profile
from security.roll import REMEDY, Entries, GrantRow, Roll, grant_proof, user_mark
from security.sealing import RandomBytes
from security.sessions import SessionBook
from security.tables import grants, metadata, users

__all__ = ["Directory", "UserRecord", "metadata"]

NAME_CHARACTERS_MAX = 200
_ID_BYTES = 12
_Found = TypeVar("_Found")


class Directory:
    """Users, grants and sessions in the database, none of which opens or holds after an edit by hand.

    Rows of users and grants are compared with the sealed roll: one that was put back as it once was raises SealBroken.
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
        self._roll = Roll(keyring)
        self._change = threading.RLock()  # rows are read, changed and written back, with the roll that tells of them

    def verify(self) -> None:
        """Compare users and grants with the roll as they stand now. Raises SealBroken, OlderState.

        Of a house that was written before there was a roll, what stands there is taken over.
        """
        with self._change:
            with self._engine.begin() as connection:
                entries, epoch = self._roll.verified(connection)
                epoch = epoch or self._roll.seal(connection, entries)
            self._roll.keep(entries, epoch)

    def accept(self) -> None:
        """Take what stands there for what the house wrote, for an administrator who looks at it afterwards.

        Users who do not open and grants without their proof go.
        """
        with self._change:
            with self._engine.begin() as connection:
                self._remove_forged(connection)
                entries = self._roll.found(connection)
                epoch = self._roll.seal(connection, entries)
            self._roll.keep(entries, epoch)

    def _remove_forged(self, connection: Connection) -> None:
        key = self._keyring.for_system()
        for user_id, sealed in connection.execute(select(users.c.id, users.c.profile)).all():
            try:
                open_profile(key, user_id, sealed)
            except SealBroken:
                connection.execute(delete(users).where(users.c.id == user_id))
        for row in connection.execute(select(grants)).all():
            if not hmac.compare_digest(row.proof, grant_proof(key, row[0], row[1], row[2])):
                connection.execute(delete(grants).where(grants.c.proof == row.proof))

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
        records = [profile.record for profile in self._checked(self._profiles)]
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
        self._strike_out(lambda row: row[0] == user_id)
        with self._changing() as (connection, entries):
            connection.execute(delete(users).where(users.c.id == user_id))
            entries.users.pop(user_id, None)
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
        proof = grant_proof(self._keyring.for_system(), user_id, collection_id, right.value)
        row = {"user_id": user_id, "collection_id": collection_id, "right": right.value}
        with self._changing() as (connection, entries):
            if (user_id, collection_id, right.value) not in entries.grants:
                connection.execute(insert(grants).values(**row, proof=proof))
                entries.grants[user_id, collection_id, right.value] = proof

    def take(self, user_id: UserId, collection_id: CollectionId, right: Right | None = None) -> None:
        """Strike out a right, or every right of a user on a collection. Open pages feel it at their next question."""
        struck = {right.value} if right else {each.value for each in Right}
        self._strike_out(lambda row: row[:2] == (user_id, collection_id) and row[2] in struck)

    def take_all(self, collection_id: CollectionId) -> None:
        """Strike out every right on a collection, for when it is removed."""
        self._strike_out(lambda row: row[1] == collection_id)

    def grantees(self, collection_id: CollectionId) -> tuple[tuple[UserId, Right], ...]:
        """Give who holds which right on a collection."""
        rows = self._grant_rows(collection_id=collection_id)
        return tuple((UserId(row[0]), Right(row[2])) for row in rows)

    def rights(self, user_id: UserId, collection_id: CollectionId) -> frozenset[Right]:
        """Give the rights of a user on a collection; none for what does not exist."""
        rows = self._grant_rows(user_id=user_id, collection_id=collection_id)
        return frozenset(Right(row[2]) for row in rows)

    def collections(self, user_id: UserId) -> tuple[CollectionId, ...]:
        """Give the collections on which a user holds any right, by id."""
        rows = self._grant_rows(user_id=user_id)
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
        def look(connection: Connection, entries: Entries) -> UserProfile | None:
            found = connection.execute(select(users.c.id).where(users.c.name_key == name_key)).scalar_one_or_none()
            return self._open(connection, entries, UserId(found)) if found else None

        return self._checked(look)

    def _profile(self, user_id: UserId) -> UserProfile | None:
        return self._checked(lambda connection, entries: self._open(connection, entries, user_id))

    def _profiles(self, connection: Connection, entries: Entries) -> list[UserProfile]:
        there = set(connection.execute(select(users.c.id)).scalars())
        opened = (self._open(connection, entries, UserId(each)) for each in sorted(there | set(entries.users)))
        return [profile for profile in opened if profile]

    def _open(self, connection: Connection, entries: Entries, user_id: UserId) -> UserProfile | None:
        """A user's row, which is the one that the roll knows; None where neither knows the user."""
        key = self._keyring.for_system()
        row = connection.execute(select(users.c.name_key, users.c.profile).where(users.c.id == user_id)).one_or_none()
        mark = user_mark(key, user_id, row.name_key, row.profile) if row else None
        if mark != entries.users.get(user_id):
            if row:
                open_profile(key, user_id, row.profile)  # where it does not open, that is the better word
            raise SealBroken(f"user {user_id}: the row was removed, or put back as it once was; {REMEDY}")
        return open_profile(key, user_id, row.profile) if row else None

    def _known(self, user_id: UserId) -> UserProfile:
        profile = self._profile(user_id)
        if profile is None:
            raise AccessDenied(f"no user with id {user_id[:64]!r}; list them with `huisclos user list`")
        return profile

    def _insert(self, profile: UserProfile) -> None:
        key, user_id = self._keyring.for_system(), profile.record.id
        row = {"name_key": self._name_key(profile.record.name), "profile": seal_profile(key, profile)}
        with self._changing() as (connection, entries):
            connection.execute(insert(users).values(id=user_id, **row))
            entries.users[user_id] = user_mark(key, user_id, **row)

    def _update(self, profile: UserProfile) -> None:
        key, user_id = self._keyring.for_system(), profile.record.id
        row = {"name_key": self._name_key(profile.record.name), "profile": seal_profile(key, profile)}
        with self._changing() as (connection, entries):
            connection.execute(update(users).where(users.c.id == user_id).values(profile=row["profile"]))
            entries.users[user_id] = user_mark(key, user_id, **row)

    def _strike_out(self, is_struck: Callable[[GrantRow], bool]) -> None:
        with self._changing() as (connection, entries):
            for user, collection, right in [row for row in entries.grants if is_struck(row)]:
                own = (grants.c.user_id == user) & (grants.c.collection_id == collection) & (grants.c.right == right)
                connection.execute(delete(grants).where(own))
                del entries.grants[user, collection, right]

    def _grant_rows(self, **wanted: str) -> tuple[GrantRow, ...]:
        """Give (user, collection, right) of the rows; raises SealBroken where they are not those of the roll."""

        def look(connection: Connection, entries: Entries) -> tuple[GrantRow, ...]:
            columns = (grants.c.user_id, grants.c.collection_id, grants.c.right, grants.c.proof)
            conditions = (grants.c[name] == value for name, value in wanted.items())
            there = {
                (row[0], row[1], row[2]): row[3] for row in connection.execute(select(*columns).where(*conditions))
            }
            known = {row: proof for row, proof in entries.grants.items() if _is_wanted(row, wanted)}
            if bad := _first_difference(there, known):
                raise SealBroken(f"grant of {bad[0]} on {bad[1]} was not written by the house, or taken out; {REMEDY}")
            return tuple(sorted(there))

        return self._checked(look)

    def _checked(self, look: Callable[[Connection, Entries], _Found]) -> _Found:
        """What is found in the rows beside the roll; looked for again, alone, where a change came in between."""
        try:
            with self._engine.connect() as connection:
                return look(connection, self._roll.entries(connection))
        except SealBroken:
            with self._change, self._engine.connect() as connection:
                return look(connection, self._roll.entries(connection))

    @contextmanager
    def _changing(self) -> Iterator[tuple[Connection, Entries]]:
        """A transaction with the entries of the roll to change beside the rows."""
        with self._change:
            with self._engine.begin() as connection:
                entries = self._roll.entries(connection).copy()
                yield connection, entries
                epoch = self._roll.seal(connection, entries)
            self._roll.keep(entries, epoch)


def _is_wanted(row: GrantRow, wanted: dict[str, str]) -> bool:
    named = {"user_id": row[0], "collection_id": row[1]}
    return all(named[name] == value for name, value in wanted.items())


def _first_difference(there: dict[GrantRow, bytes], known: dict[GrantRow, bytes]) -> GrantRow | None:
    either = sorted(there.keys() | known.keys())
    return next((row for row in either if not hmac.compare_digest(there.get(row, b""), known.get(row, b""))), None)


def _fold(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _check_name(name: str) -> str:
    shown = " ".join(unicodedata.normalize("NFC", name).split())
    if not shown or len(shown) > NAME_CHARACTERS_MAX or not shown.isprintable():
        raise PasswordRefused(f"a user name has 1 to {NAME_CHARACTERS_MAX} printable characters; choose another")
    if _fold(shown) == OPERATOR.user_id:
        raise PasswordRefused(f"the name {OPERATOR.user_id} belongs to the command line; choose another")
    return shown
