"""The command line. Exit codes: 0 done, 1 failed, 2 usage, 3 refused (chat/admin/outcomes.py)."""

import io
import os
import signal
import sys
import traceback
from importlib import metadata
from types import FrameType
from typing import Annotated

import typer

from chat.admin.commands import (
    ask,
    audit,
    backup,
    bench,
    collections,
    evaluation,
    feedback,
    groups,
    house,
    integrity,
    jobs,
    keys,
    models,
    sources,
    task,
    users,
    workers,
)
from chat.admin.outcomes import ExitCode, failure_of
from chat.admin.output import note, say

INTERRUPTED = 130
"""What Typer exits with after Ctrl-C; ours is FAILED, like everything that was not done."""

application = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A private chat over company documents. Exit codes: 0 done, 1 failed, 2 usage, 3 refused.",
)


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        say(f"huisclos {metadata.version('huisclos')}")
        raise typer.Exit


@application.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Tell the version.")
    ] = False,
) -> None:
    """Take the options of the program itself."""


house.add_to(application)
ask.add_to(application)
evaluation.add_to(application)
integrity.add_to(application)
backup.add_to(application)
application.add_typer(collections.application, name="collection")
application.add_typer(sources.application, name="source")
application.add_typer(jobs.application, name="job")
application.add_typer(workers.application, name="worker")
application.add_typer(task.application, name="task")
application.add_typer(users.application, name="user")
application.add_typer(groups.application, name="group")
application.add_typer(feedback.feedback, name="feedback")
application.add_typer(feedback.questions, name="question")
application.add_typer(models.application, name="models")
application.add_typer(keys.application, name="keys")
application.add_typer(audit.application, name="audit")
application.add_typer(bench.application, name="bench")


def main() -> None:
    """Run a command; what goes wrong is one sentence and an exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as in the background of a shell script
            signal.signal(number, _interrupted)
    sys.exit(_flushed(_run()))


def _interrupted(number: int, _frame: FrameType | None) -> None:
    """Say at once that the command is stopping: closing what is open may last. A second time ends it hard."""
    signal.signal(number, signal.SIG_DFL)
    note("stopping … (again stops at once)")
    raise KeyboardInterrupt


def _run() -> int:
    try:
        application()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            note("stopped; nothing is left half done: run the command again")
            return ExitCode.FAILED
        return end.code if isinstance(end.code, int) else ExitCode.DONE
    except Exception as error:  # noqa: BLE001 - the outer edge of the process
        if "HUISCLOS_TRACE" in os.environ:
            traceback.print_exc()
        failure = failure_of(error)
        note(failure.message)
        return failure.code
    return ExitCode.DONE


def _flushed(code: int) -> int:
    """The exit code, once standard output is written; a reader that went away (`| head`) is no reason for a trace."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    return code
