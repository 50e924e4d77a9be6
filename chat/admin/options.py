"""What several commands take, and how their examples stand in the help."""

from pathlib import Path
from typing import Annotated

import typer

State = Annotated[
    Path, typer.Option("--state", envvar="HUISCLOS_STATE", metavar="DIR", help="The state folder.", show_envvar=True)
]
STATE = Path("state")

AsJson = Annotated[bool, typer.Option("--json", help="JSON, one object a line, instead of text for people.")]
As = Annotated[str, typer.Option("--as", metavar="USER", help="With the rights of this person, not the operator's.")]
InCollection = Annotated[str, typer.Option("--collection", "-c", metavar="NAME", help="The collection to read.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input (its first line).")
]


def examples(*lines: str) -> str:
    """The examples under a command's help."""
    return "\n\n".join(("[bold]Examples[/bold]", *(f"  {line}" for line in lines)))


def group(help_text: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help=help_text)
