"""`huisclos source …`: where the documents of a collection come from by themselves."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import MofNCompleteColumn

from chat.admin.commands.loading import Followed, Release, in_line, show_step, summary
from chat.admin.options import STATE, AsJson, State, examples, group
from chat.admin.outcomes import ExitCode, InputWrong
from chat.admin.output import say, show, show_json
from chat.admin.progress import Count
from chat.admin.session import run, stopped_cleanly

application = group(
    "Sources: shares, buckets, mailboxes, repositories, websites, topics that a collection is kept in step with."
)

SECRET_BYTES_MAX = 4096
Name = Annotated[str, typer.Argument(metavar="COLLECTION", help="The collection's name.")]
Source = Annotated[str, typer.Argument(metavar="SOURCE", help="The source's id, as the list shows it.")]


class Kind(StrEnum):
    """What a source speaks."""

    FOLDER = "folder"
    WEBDAV = "webdav"
    IMAP = "imap"
    GIT = "git"
    S3 = "s3"
    SITEMAP = "sitemap"
    KAFKA = "kafka"


@application.command(
    "add",
    epilog=examples(
        "huisclos source add contracts folder /mnt/share/contracts --every 15",
        "huisclos source add rules folder /srv/rules --watch",
        "huisclos source add contracts webdav https://cloud.example/remote.php/dav/files/bot/Contracts/ "
        "--user bot --secret-file bot.secret --every 60",
        "huisclos source add contracts folder /mnt/share/contracts --map-rights legal=jurists --map-rights 1003=board",
        "huisclos source add post imap imaps://mail.example/INBOX --user bot --secret-stdin < bot.secret",
        "huisclos source add handbook git https://git.example/handbook.git --branch main",
        "huisclos source add contracts s3 https://s3.example/bucket/contracts/ --user KEY-ID --secret-file key.secret",
        "huisclos source add handbook sitemap https://intranet.example/sitemap.xml --every 1440",
        "huisclos source add notices kafka kafkas://broker.example:9093/notices --user bot --secret-file bot.secret",
    ),
)
def add(
    name: Name,
    kind: Annotated[Kind, typer.Argument(help="What it speaks.")],
    address: Annotated[str, typer.Argument(help="A folder's whole path, or a URL without a name and a secret in it.")],
    user: Annotated[
        str, typer.Option(help="Who signs in, or the id of an S3 key. A secret without a name is sent as a token.")
    ] = "",
    secret_file: Annotated[Path | None, typer.Option(help="A file (0600) with the password or token.")] = None,
    secret_stdin: Annotated[bool, typer.Option("--secret-stdin", help="Read it from standard input.")] = False,
    every: Annotated[int, typer.Option(metavar="MINUTES", help="While serving, sync that often; 0: only by hand.")] = 0,
    watch: Annotated[
        bool, typer.Option("--watch", help="While serving, sync a folder seconds after a change in it.")
    ] = False,
    branch: Annotated[str, typer.Option(help="Of a Git repository; its own choice where not given.")] = "",
    region: Annotated[str, typer.Option(help="Of an S3 server; us-east-1 where not given.")] = "",
    mechanism: Annotated[
        str, typer.Option(help="How a Kafka broker signs in: SCRAM-SHA-512, SCRAM-SHA-256, PLAIN; the first it offers.")
    ] = "",
    ca_file: Annotated[
        Path | None, typer.Option(help="A PEM file of the authority that signed the server's certificate.")
    ] = None,
    map_rights: Annotated[
        list[str] | None,
        typer.Option(metavar="UNIXGROUP=GROUP", help="Of a folder: which of its groups stands for which of ours."),
    ] = None,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Give a collection a source. Its address must be in egress.allowed, unless it is this machine's.

    With --map-rights, given once for each group that reads the collection, a file of the folder comes in, and stays,
    only while all of those groups may read it there.
    """
    given = {
        "branch": branch,
        "region": region,
        "mechanism": mechanism,
        "watch": "yes" if watch else "",
        "ca_file": str(ca_file.resolve()) if ca_file else "",
    }
    options = {option: value for option, value in given.items() if value}
    where = str(Path(address).resolve()) if kind is Kind.FOLDER else address
    secret = _secret(secret_file, secret_stdin)
    for added in run(
        state,
        "source.add",
        name=name,
        kind=kind.value,
        address=where,
        user=user,
        secret=secret,
        options=options,
        every_minutes=every,
        map_rights=map_rights or [],
    ):
        if as_json:
            show_json(added)
        else:
            say(f"source {added['id']} is added to {name}; `huisclos source sync {name}` brings it in step now")


@application.command("list", epilog=examples("huisclos source list contracts"))
def list_(name: Name, state: State = STATE, as_json: AsJson = False) -> None:
    """List the sources of a collection, and how the last sync of each ended. Secrets are not shown."""
    show(run(state, "source.list", name=name), as_json, "no source yet; `huisclos source add` gives it one")


@application.command("remove", epilog=examples("huisclos source remove contracts 1f2e3d4c --forget"))
def remove(
    name: Name,
    source: Source,
    forget: Annotated[bool, typer.Option("--forget", help="Forget everything that was loaded from it.")] = False,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Take a source from a collection, with its credentials. What was loaded from it stays, unless --forget."""
    for removed in run(state, "source.remove", name=name, source=source, forget=forget):
        if as_json:
            show_json(removed)
        else:
            say(f"source {source} is removed; documents forgotten: {removed['forgotten']}")


@application.command("sync", epilog=examples("huisclos source sync contracts", "huisclos source sync contracts --json"))
def sync(
    name: Name,
    source: Annotated[str, typer.Argument(metavar="[SOURCE]", help="One source; all of them where not given.")] = "",
    release: Release = None,
    is_detached: Annotated[
        bool, typer.Option("--detach", help="Leave it to the server and return; `huisclos job` tells of it.")
    ] = False,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Bring a collection in step with its sources now. Exit 1 when one of them failed; what was loaded stays."""
    if is_detached:
        for job in run(state, "source.sync", name=name, source=source, release=release or [], is_detached=True):
            if as_json:
                show_json(job)
            else:
                say(f"source {job['source']}: {in_line(job)}")
        return
    with stopped_cleanly("what was loaded is kept: run the same command again, it continues"):
        failed = _sync(state, name, source, release or [], as_json)
    if failed:
        raise typer.Exit(ExitCode.FAILED)


def _sync(state: Path, name: str, source: str, release: list[str], as_json: bool) -> bool:
    """Run it, a line or a step of the bar for each file; gives whether a source failed."""
    failed = False
    followed = Followed()
    with Count("syncing", None, MofNCompleteColumn(), is_shown=not as_json) as count:
        for event in run(state, "source.sync", name=name, source=source, release=release):
            if "ended" in event:
                failed = failed or event["ended"] == "failed"
                if as_json:
                    show_json(event)
                else:
                    count.say(f"source {event['source']}: {event['reason'] or summary(followed.counts)}")
                followed = Followed()
            else:
                show_step(event, followed, count, as_json)
    return failed


def _secret(path: Path | None, from_stdin: bool) -> str:
    """The first line of a file or of standard input; never an argument, which other users of the machine see."""
    from security.files import read_private

    if path is None:
        return _line(sys.stdin.readline(), "standard input") if from_stdin else ""
    if from_stdin:
        raise InputWrong("--secret-file and --secret-stdin exclude each other; give one")
    try:
        return _line(read_private(path, SECRET_BYTES_MAX).decode(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InputWrong(f"{path} cannot be read; name a file (0600) that holds the password or token") from error


def _line(text: str, where: str) -> str:
    found = text.partition("\n")[0].rstrip("\r")
    if not found:
        raise InputWrong(f"{where} held nothing, expected the password or token on its first line")
    return found
