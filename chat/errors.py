"""What can go wrong around the house.

ChatError
├── SettingsWrong    a name or value in the settings is not known
├── StateMissing     the state folder was not initialised
├── StateInUse       another process holds the state folder, or its database
├── DatabaseUnusable the database cannot be reached, entered or changed, or it is another house's
├── BackupFailed     a backup cannot be made, or not be restored here
├── BackupBroken     a file is not a whole backup
├── RestoreCut       a restore into the state folder was cut short
├── RotationRuns     a collection is being sealed anew already
├── WorkerKeyUnusable a worker's key is not there, or is none
├── DeskLost         the tables through which workers work are out of reach
├── GoldWrong        what is to answer a question is no page of the collection
└── Refused          the caller may not do this
"""


class ChatError(Exception):
    """Anything that went wrong around the house."""


class SettingsWrong(ChatError):
    """A name or value in huisclos.toml or the environment is not known."""


class StateMissing(ChatError):
    """The state folder was not initialised."""


class StateInUse(ChatError):
    """Another process holds the state folder, or its database."""


class DatabaseUnusable(ChatError):
    """The database cannot be reached, entered or changed, or it is another house's."""


class BackupFailed(ChatError):
    """A backup cannot be made, or cannot be restored here; nothing was changed."""


class BackupBroken(ChatError):
    """A file is not a whole backup; the message goes on from the file's name."""


class RestoreCut(ChatError):
    """A restore into the state folder was cut short and must be run again."""


class RotationRuns(ChatError):
    """A collection is being sealed anew already; its end is waited for."""


class WorkerKeyUnusable(ChatError):
    """A worker's key cannot be read or written, or is none."""


class DeskLost(ChatError):
    """The tables through which workers work are out of reach; `code` is the server's own, where it gave one."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class JobMoved(ChatError):
    """A job is not where it would have to be for what is asked of it."""


class LoadFailed(ChatError):
    """A load that was followed came to no good end; the message says why."""


class GoldWrong(ChatError):
    """What is to answer a question is not named, or is no page of the collection."""


class Refused(ChatError):
    """The caller may not do this, or what it names does not exist for them."""
