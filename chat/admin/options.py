"""What several commands take, and how their examples stand in the help."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from rag.facets import DocumentType
from rag.retrieval.filters import read_filter

State = Annotated[
    Path, typer.Option("--state", envvar="HUISCLOS_STATE", metavar="DIR", help="The state folder.", show_envvar=True)
]
STATE = Path("state")

AsJson = Annotated[bool, typer.Option("--json", help="JSON, one object a line, instead of text for people.")]
As = Annotated[str, typer.Option("--as", metavar="USER", help="With the rights of this person, not the operator's.")]
InCollection = Annotated[str, typer.Option("--collection", "-c", metavar="NAME", help="The collection to read.")]
After = Annotated[str, typer.Option("--after", metavar="DAY", help="Documents of this day (2024-12-31) or later.")]
Before = Annotated[str, typer.Option("--before", metavar="DAY", help="Documents of this day or earlier.")]
Types = Annotated[list[DocumentType] | None, typer.Option("--type", help="Documents of this type; again for one more.")]
Folders = Annotated[
    list[str] | None,
    typer.Option("--folder", metavar="FOLDER", help="Documents in or below this folder; again for one more."),
]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input (its first line).")
]


def examples(*lines: str) -> str:
    """The examples under a command's help."""
    return "\n\n".join(("[bold]Examples[/bold]", *(f"  {line}" for line in lines)))


def within(
    after: str, before: str, types: Sequence[DocumentType] | None, folders: Sequence[str] | None
) -> dict[str, Any] | None:
    """What a search is narrowed to, for an operation; None where it is not. Raises FilterWrong."""
    wanted = read_filter({"after": after, "before": before, "types": types, "folders": folders})
    return wanted.told() if wanted else None


def group(help_text: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help=help_text)
