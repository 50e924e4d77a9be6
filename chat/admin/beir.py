"""BEIR folders (Thakur et al., 2021): `corpus.jsonl` of `_id`, `title`, `text`; `queries.jsonl` of `_id`, `text`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from chat.admin.jsonlines import read_rows
from chat.admin.outcomes import InputWrong

CORPUS, QUERIES, GOLDS = "corpus.jsonl", "queries.jsonl", "qrels.tsv"
_GOLD_COLUMNS = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """A document of the corpus."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Query:
    """A question with the id that the judgements know it by."""

    id: str
    text: str


Numbered = TypeVar("Numbered", Entry, Query)


def read_corpus(folder: Path) -> tuple[Entry, ...]:
    """Every document of the folder's corpus, in its order. Raises InputWrong."""
    rows = _rows(folder, CORPUS)
    return _distinct([Entry(_id(row, at), str(row.get("title") or ""), _text(row, at)) for at, row in rows], CORPUS)


def read_queries(folder: Path) -> tuple[Query, ...]:
    """Every query of the folder, in its order. Raises InputWrong."""
    return _distinct([Query(_id(row, at), _text(row, at)) for at, row in _rows(folder, QUERIES)], QUERIES)


def read_golds(folder: Path) -> dict[str, frozenset[str]]:
    """Ids of the documents that answer each query, from `qrels.tsv`: query, document and a score above 0, by tabs."""
    path = folder / GOLDS
    if not path.is_file():
        raise InputWrong(f"{path} is missing; give a BEIR folder with judgements, or leave --ablate out")
    golds: dict[str, set[str]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()[1:], 2):
        fields = line.split("\t")
        if len(fields) != _GOLD_COLUMNS or not fields[2].strip().lstrip("-").isdigit():
            raise InputWrong(f"{path} line {number} is not query, document and score by tabs; correct it")
        if int(fields[2]) > 0:
            golds.setdefault(fields[0], set()).add(fields[1])
    return {query: frozenset(found) for query, found in golds.items()}


def _rows(folder: Path, name: str) -> tuple[tuple[str, dict[str, Any]], ...]:
    path = folder / name
    if not path.is_file():
        raise InputWrong(f"{path} is missing; give a BEIR folder, which has {CORPUS} and {QUERIES}")
    return tuple(read_rows(path))


def _id(row: Mapping[str, Any], where: str) -> str:
    """The id. The columns of a run are separated by blanks, so an id has none."""
    identifier = str(row.get("_id") or "")
    if identifier.split() != [identifier]:
        raise InputWrong(f"{where} has the _id {identifier!r}, expected one without blanks; rename it")
    return identifier


def _text(row: Mapping[str, Any], where: str) -> str:
    text = row.get("text")
    if not isinstance(text, str):
        raise InputWrong(f'{where} has no text; give it a "text", empty where there is none')
    return text


def _distinct(rows: list[Numbered], name: str) -> tuple[Numbered, ...]:
    seen: set[str] = set()
    for row in rows:
        if row.id in seen:
            raise InputWrong(f"{name}: _id {row.id} comes twice; make ids unique")
        seen.add(row.id)
    return tuple(rows)
