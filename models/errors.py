"""What can go wrong with weights and engines.

ModelError
├── CatalogueWrong    a catalogue file says something that cannot be
├── WeightsMissing    the file is not there
├── WeightsCorrupt    the file is not the one the catalogue names
├── SourceFailed      no source gave the file
│   └── DiskFull      there is no room for it
├── StoreBusy         another command changes the models folder
├── EngineAway        no engine runs: its weights are missing, corrupt or unreadable
├── EngineBusy        the queue is full
├── EngineFailed      llama.cpp returned an error
├── RequestTooLong    the prompt does not fit the context
└── GrammarWrong      a grammar or JSON schema cannot shape an answer
"""


class ModelError(Exception):
    """Anything that went wrong with weights or an engine."""


class CatalogueWrong(ModelError):
    """A catalogue has a field that is missing, unknown or of the wrong kind; names file, entry and field."""


class WeightsMissing(ModelError):
    """The weights file is not in the models folder."""


class WeightsCorrupt(ModelError):
    """The weights file has another SHA-256 than the catalogue names, or is no GGUF file."""


class SourceFailed(ModelError):
    """No source of the catalogue gave the file; the message names each and why."""


class DiskFull(SourceFailed):
    """The disk has no room for the file; no other source would help."""


class StoreBusy(ModelError):
    """Another command is fetching or adding weights in the same folder."""


class EngineAway(ModelError):
    """No engine runs now, and the message says why and what to do; it is opened once its weights are there."""


class EngineBusy(ModelError):
    """The queue of the engine is full; ask again in a moment."""


class EngineFailed(ModelError):
    """llama.cpp refused to load or to decode."""


class RequestTooLong(ModelError):
    """The prompt and the answer's room together exceed the context."""


class GrammarWrong(ModelError):
    """A grammar or a JSON schema is malformed, too large, or of a kind that cannot shape an answer."""
