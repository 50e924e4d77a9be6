"""Settings: one frozen tree from `<state>/huisclos.toml`; `HUISCLOS__SECTION__NAME` in the environment overrides."""

import hashlib
import os
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from chat.errors import SettingsWrong
from models.catalogue import Task
from models.processors import physical_cores
from models.served.address import SERVERS_MAX
from rag.answering.answer import FollowUp, Unsupported
from rag.answering.evidence import PASSAGE_TOKENS, PASSAGES_MAX
from rag.answering.policy import AnswerPolicy
from rag.index.limits import EXACT_PASSAGES_MAX
from rag.retrieval.stages import Stage, Stages

FILE_NAME = "huisclos.toml"
_PREFIX = "HUISCLOS__"
_LISTS = frozenset({"allowed", "servers"})
"""Settings that the environment gives with commas."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Server(_Section):
    """Where the pages are served. Cookies are Secure when TLS is on or a proxy provides it."""

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    secure_cookies: bool = False


class Models(_Section):
    """Weights and how they run."""

    folder: Path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huisclos" / "models"
    generate: str = ""
    embed: str = ""
    threads: int = Field(min(physical_cores(), 8), ge=1, le=256)
    context_tokens: int = Field(4096, ge=512, le=131072)
    slots: int = Field(0, ge=0, le=64)
    queue_max: int = Field(16, ge=1, le=1000)
    kept_mib: int = Field(512, ge=0, le=1_048_576)
    kv_type: Literal["f16", "q8_0"] = "f16"
    gpu_layers: int = Field(-1, ge=-1, le=1000)
    servers: tuple[str, ...] = Field((), max_length=SERVERS_MAX)
    server_model: str = ""
    server_key_file: Path | None = None
    server_ca_file: Path | None = None
    server_requests: int = Field(16, ge=1, le=1000)

    @property
    def named(self) -> dict[Task, str]:
        """Which weights are named here, by what they are for."""
        return {task: name for task, name in ((Task.GENERATE, self.generate), (Task.EMBED, self.embed)) if name}


class Store(_Section):
    """Where the sealed truth lies: SQLite in the state folder, or a PostgreSQL server where `database` names one."""

    database: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None


class Index(_Section):
    """How much is searched by comparing every vector, and how often the index is sealed."""

    exact_passages_max: int = Field(EXACT_PASSAGES_MAX, ge=100, le=1_000_000)
    snapshot_minutes: float = Field(15, ge=0.1, le=1440)


class Retrieval(_Section):
    """Which stages a search goes through. Raises where neither retriever is on."""

    languages: bool = True
    dense: bool = True
    lexical: bool = True
    fusion: bool = True
    rerank: bool = True
    collapse: bool = True
    neighbours: bool = True

    @property
    def stages(self) -> Stages:
        """As the searcher takes them."""
        return Stages(frozenset(stage for stage in Stage if getattr(self, stage.value)))

    @model_validator(mode="after")
    def _has_a_retriever(self) -> Self:
        self.stages  # noqa: B018 - raises
        return self


class Loading(_Section):
    """How many collections are loaded at once while the house is served."""

    workers: int = Field(2, ge=1, le=16)


class Answering(_Section):
    """How follow-ups are taken, how much the model reads for an answer, what is shown, and what is allowed."""

    follow_up: Literal["rules", "model", "off"] = "rules"
    evidence_tokens: int = Field(PASSAGE_TOKENS, ge=100, le=32768)
    passages_max: int = Field(PASSAGES_MAX, ge=1, le=20)
    unsupported: Unsupported = Unsupported.MARK
    across_languages: bool = True
    without_documents: bool = False

    @property
    def policy(self) -> AnswerPolicy:
        """As the answerer takes it."""
        follow_up = None if self.follow_up == "off" else FollowUp(self.follow_up)
        return AnswerPolicy(follow_up, self.evidence_tokens, self.passages_max, self.unsupported)


class Metrics(_Section):
    """Where Prometheus reads counts and times; port 0 is nowhere."""

    host: str = "127.0.0.1"
    port: int = Field(0, ge=0, le=65535)


class FeedbackWanted(_Section):
    """Whether people are asked, after a thumb, if it may go to the owners of the collections."""

    to_owners: Literal["ask", "never"] = "ask"


class Egress(_Section):
    """Addresses that may be reached beyond loopback."""

    allowed: tuple[str, ...] = ()


class Settings(_Section):
    """The whole tree."""

    server: Server = Server()
    models: Models = Models()
    store: Store = Store()
    index: Index = Index()
    retrieval: Retrieval = Retrieval()
    loading: Loading = Loading()
    answering: Answering = Answering()
    feedback: FeedbackWanted = FeedbackWanted()
    metrics: Metrics = Metrics()
    egress: Egress = Egress()
    memory_dir: Path | None = None
    anchor: Path | None = None

    def memory_for(self, state: Path) -> Path:
        """The memory-backed folder of a state folder: its own, short enough for a socket path."""
        name = hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:12]
        return self.memory_dir or Path(f"/dev/shm/huisclos-{os.getuid()}-{name}")  # noqa: S108 - made 0700 by us


def load_settings(state: Path, environment: dict[str, str] | None = None) -> Settings:
    """Read the settings of a state folder; raises SettingsWrong naming what is not known."""
    path = state / FILE_NAME
    try:
        tree: dict[str, Any] = tomllib.loads(path.read_text()) if path.exists() else {}
        for name, value in (os.environ if environment is None else environment).items():
            if name.startswith(_PREFIX):
                _put(tree, name.removeprefix(_PREFIX).lower().split("__"), value)
        return Settings.model_validate(tree)
    except tomllib.TOMLDecodeError as error:
        raise SettingsWrong(f"{path}: {error}; correct the file") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsWrong(f"setting {where}: {first['msg']}; see docs/settings.md") from error


def _put(tree: dict[str, Any], parts: list[str], value: str) -> None:
    for part in parts[:-1]:
        tree = tree.setdefault(part, {})
    tree[parts[-1]] = tuple(value.split(",")) if parts[-1] in _LISTS else value
