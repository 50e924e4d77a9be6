"""How errors end a command."""

import errno
import os
import sqlite3

import pytest
from pg8000.dbapi import DatabaseError

from chat.admin.outcomes import ExitCode, Failure, InputWrong, RemoteFailure, failure_of
from chat.errors import Refused, StateInUse
from models.errors import EngineBusy
from rag.errors import LoadRunning
from security.errors import AccessDenied, InsecureState, KeyringLocked, PasswordRefused


@pytest.mark.parametrize("kind", [Refused, AccessDenied, InsecureState, KeyringLocked])
def test_no_right_and_keys_that_do_not_open_are_refusals(kind: type[Exception]) -> None:
    assert failure_of(kind("why")) == Failure(ExitCode.REFUSED, "why")


@pytest.mark.parametrize("kind", [StateInUse, EngineBusy, LoadRunning, PasswordRefused])
def test_what_was_not_done_failed(kind: type[Exception]) -> None:
    assert failure_of(kind("why")) == Failure(ExitCode.FAILED, "why")


def test_input_that_cannot_be_used_is_usage() -> None:
    assert failure_of(InputWrong("line 3")).code is ExitCode.USAGE


def test_a_failure_at_the_server_ends_as_it_would_have_here() -> None:
    there = Failure(ExitCode.REFUSED, "no such collection")
    assert failure_of(RemoteFailure(there)) == there


def test_a_full_disk_names_the_file_and_what_to_do() -> None:
    failure = failure_of(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/srv/out.jsonl"))
    assert failure.code is ExitCode.FAILED
    assert "/srv/out.jsonl" in failure.message
    assert "No space left" in failure.message


def test_a_read_only_database_is_told_without_what_was_written() -> None:
    class Wrapped(Exception):
        orig = sqlite3.OperationalError("attempt to write a readonly database")

    failure = failure_of(Wrapped("INSERT … [parameters: ('a secret word',)]"))
    assert failure.code is ExitCode.FAILED
    assert "readonly database" in failure.message
    assert "secret" not in failure.message


def test_a_refusal_of_the_database_server_is_told_without_its_words() -> None:
    class Wrapped(Exception):
        orig = DatabaseError({"C": "42P01", "M": "relation of a secret word"})

    failure = failure_of(Wrapped("INSERT … [parameters: ('a secret word',)]"))
    assert failure.code is ExitCode.FAILED
    assert "database server" in failure.message
    assert "secret" not in failure.message


def test_an_unforeseen_error_tells_its_type_and_not_its_content() -> None:
    failure = failure_of(ValueError("a passage of a document"))
    assert failure.code is ExitCode.FAILED
    assert "ValueError" in failure.message
    assert "passage" not in failure.message
