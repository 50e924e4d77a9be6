"""`huisclos user …`: the people who sign in."""

from enum import StrEnum
from typing import Annotated

import typer

from chat.admin.options import STATE, AsJson, PasswordStdin, State, examples, group
from chat.admin.output import Event, say, show, show_json
from chat.admin.secret import password_from_stdin
from chat.admin.session import run

application = group("People: who may sign in. What they may read is `huisclos collection grant`.")

Name = Annotated[str, typer.Argument(metavar="USER", help="The person's name, as they sign in with it.")]


class RoleName(StrEnum):
    """What a person is."""

    EMPLOYEE = "employee"
    ADMINISTRATOR = "administrator"


@application.command(
    "add",
    epilog=examples(
        "huisclos user add camille",
        "huisclos user add admin --role administrator",
        "huisclos user add camille --password-stdin < password.txt",
    ),
)
def add(
    name: Name,
    role: Annotated[RoleName, typer.Option(help="What the person is.")] = RoleName.EMPLOYEE,
    password_stdin: PasswordStdin = False,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Add a person. Without --password-stdin the password is drawn, and shown this once."""
    password = password_from_stdin() if password_stdin else ""
    for added in run(state, "user.add", name=name, role=role.value, password=password):
        _tell(added, as_json, f"{role.value} {name} is added")


@application.command("list", epilog=examples("huisclos user list", "huisclos user list --json"))
def list_(state: State = STATE, as_json: AsJson = False) -> None:
    """List the people, disabled ones too."""
    show(run(state, "user.list"), as_json, "nobody yet; `huisclos user add NAME` adds a person")


@application.command(
    "password",
    epilog=examples("huisclos user password camille", "huisclos user password camille --password-stdin < password.txt"),
)
def password(name: Name, password_stdin: PasswordStdin = False, state: State = STATE, as_json: AsJson = False) -> None:
    """Replace a password; the person's sessions end. Without --password-stdin it is drawn, and shown this once."""
    given = password_from_stdin() if password_stdin else ""
    for changed in run(state, "user.password", name=name, password=given):
        _tell(changed, as_json, f"{name} has a new password")


@application.command("disable", epilog=examples("huisclos user disable camille"))
def disable(name: Name, state: State = STATE, as_json: AsJson = False) -> None:
    """Keep a person from signing in; their sessions end, their conversations stay sealed."""
    for disabled in run(state, "user.disable", name=name):
        _tell(disabled, as_json, f"{name} cannot sign in any more")


def _tell(event: Event, as_json: bool, sentence: str) -> None:
    if as_json:
        show_json(event)
        return
    say(sentence)
    if "password" in event:
        say(f"password (shown once): {event['password']}")
