"""The stages between a question and what is read, and which of them are on."""

from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """One stage, in the order in which they run. Each has a module of its name in this package."""

    LANGUAGES = "languages"
    DENSE = "dense"
    LEXICAL = "lexical"
    FUSION = "fusion"
    RERANK = "rerank"
    COLLAPSE = "collapse"
    NEIGHBOURS = "neighbours"


RETRIEVERS = frozenset({Stage.DENSE, Stage.LEXICAL})


@dataclass(frozen=True, slots=True)
class Stages:
    """Those that are on; one that is off passes on what it gets. Raises ValueError where neither retriever is on."""

    on: frozenset[Stage] = frozenset(Stage)

    def __post_init__(self) -> None:
        if not self.on & RETRIEVERS:
            raise ValueError("neither dense nor lexical search is on; switch one of them on")

    def __contains__(self, stage: Stage) -> bool:
        return stage in self.on

    def without(self, *stages: Stage) -> "Stages":
        """The same with some of them off."""
        return Stages(self.on.difference(stages))

    def only(self, *stages: Stage) -> "Stages":
        """The same with all but some of them off."""
        return Stages(self.on.intersection(stages))


ALL_STAGES = Stages()
