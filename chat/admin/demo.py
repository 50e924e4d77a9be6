"""The demo: a bilingual collection, an employee who may read it, an administrator. Made once, and continued until then.

People come last, so that their passwords are on the screen a moment after they exist. A run that is killed between the
two leaves people whose password nobody saw: the next run says how to get a new one.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chat.admin.gateway import Event, Operate
from chat.admin.outcomes import EXPECTED
from chat.errors import Refused

COLLECTION = "demo"
DOCUMENTS = Path(__file__).parents[2] / "data" / "demo"
EMPLOYEE, ADMINISTRATOR = "camille", "admin"
ROLES = {EMPLOYEE: "employee", ADMINISTRATOR: "administrator"}
MARK = "demo.made"
KEPT = "huisclos.toml"


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody of the demo; the password is there only in the run that made them."""

    name: str
    role: str
    password: str | None


def is_made(state: Path) -> bool:
    """Whether the demo was made to its end on this state folder."""
    return (state / MARK).exists()


def load_demo(operate: Operate, loaded: Callable[[Event], None]) -> None:
    """Make the collection and bring it in step with the demo's documents."""
    try:
        list(operate("collection.create", name=COLLECTION))  # finishes one that was killed half-way, too
    except EXPECTED:
        if COLLECTION not in {row["name"] for row in operate("collection.list")}:
            raise
    for event in operate("collection.load", name=COLLECTION, path=str(DOCUMENTS)):
        loaded(event)


def add_people(operate: Operate, state: Path) -> tuple[DemoPerson, ...]:
    """Add the people who are not there yet, grant the collection, and mark the demo as made."""
    there = {row["name"] for row in operate("user.list")}
    people = tuple(_person(operate, name, name in there) for name in ROLES)
    list(operate("collection.grant", name=COLLECTION, user=EMPLOYEE))
    (state / MARK).touch(mode=0o600)
    return people


def made_people() -> tuple[DemoPerson, ...]:
    """The people of a demo that was made before."""
    return tuple(DemoPerson(name, role, None) for name, role in ROLES.items())


def sentences(people: tuple[DemoPerson, ...]) -> list[str]:
    """What a person must know to sign in."""
    shown = [f"{person.role:13} {person.name:8} password: {person.password}" for person in people if person.password]
    if shown:
        shown.insert(0, "Sign in with these; the passwords are shown this once:")
    if len(shown) - 1 < len(people):
        names = ", ".join(person.name for person in people if not person.password)
        shown.append(f"For a password that was lost, `huisclos user password NAME` draws a new one (NAME: {names}).")
    return shown


def others(operate: Operate) -> list[str]:
    """What a house holds beside the demo: its own collections and people."""
    found = [f"collection {row['name']}" for row in operate("collection.list") if row["name"] != COLLECTION]
    return found + [f"user {row['name']}" for row in operate("user.list") if row["name"] not in ROLES]


def check_only_demo(state: Path, operate: Operate) -> None:
    """Check that a state folder holds the demo and nothing else. Raises Refused with what else there is."""
    if found := others(operate):
        raise Refused(
            f"{state} holds more than the demo ({', '.join(found)}) and was left alone; "
            f"for a demo beside it name another folder with --state"
        )


def delete(state: Path) -> None:
    """Delete what a state folder holds, its settings excepted. Killed anywhere, it leaves a whole house or none."""
    state = state.resolve()
    doomed = state.with_name(f"{state.name}.deleted")
    _keep_settings(doomed, state)  # of a run that was killed
    shutil.rmtree(doomed, ignore_errors=True)
    state.rename(doomed)
    state.mkdir(mode=0o700)
    _keep_settings(doomed, state)
    shutil.rmtree(doomed)


def _keep_settings(doomed: Path, state: Path) -> None:
    if (doomed / KEPT).exists() and not (state / KEPT).exists():
        (doomed / KEPT).rename(state / KEPT)


def _person(operate: Operate, name: str, is_there: bool) -> DemoPerson:
    if is_there:
        return DemoPerson(name, ROLES[name], None)
    added = next(iter(operate("user.add", name=name, role=ROLES[name])))
    return DemoPerson(name, ROLES[name], added["password"])
