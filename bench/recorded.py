"""Drafts of a model kept in a file, so that what is done with a draft is measured without writing it again.

A line of the file holds `key`, `model`, `messages`, `draft`, `reason`, `prompt_tokens`, `logprobs`, `first_token_ms`.
Greedy drafts are the same each time, so the key is a digest of the model's name and the request. Only for public texts:
drafts and prompts lie readable.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.generation import Done, GenerationEvent, GenerationRequest, Generator, Started, Token

Row = dict[str, Any]


class NotRecordedError(Exception):
    """Nothing was written for this request, and nothing may be."""


class Recorded:
    """A Generator that gives what was kept, and asks the real one for the rest where it may."""

    def __init__(self, generator: Generator, path: Path, *, fill: bool = True) -> None:
        self._generator, self._path, self._fill = generator, path, fill
        self.model_name, self.context_tokens = generator.model_name, generator.context_tokens
        self._rows = {row["key"]: row for row in _read(path)}

    def count_tokens(self, text: str) -> int:
        """How many tokens a text costs in the prompt."""
        return self._generator.count_tokens(text)

    def generate(self, request: GenerationRequest, cancelled: threading.Event) -> Iterator[GenerationEvent]:
        """The kept draft in one piece; NotRecordedError where there is none and none may be written."""
        key = self._key(request)
        row = self._rows.get(key)
        if row is None:
            if not self._fill:
                raise NotRecordedError(key)
            yield from self._written(key, request, cancelled)
            return
        yield Started(row["prompt_tokens"])
        yield Token(row["draft"])
        logprobs = tuple(row["logprobs"])
        yield Done(row["reason"], row["prompt_tokens"], len(logprobs), row["first_token_ms"], logprobs)

    def _written(self, key: str, request: GenerationRequest, cancelled: threading.Event) -> Iterator[GenerationEvent]:
        text = ""
        for event in self._generator.generate(replace(request, logprobs=True), cancelled):
            text += event.text if isinstance(event, Token) else ""
            if isinstance(event, Done):
                self._keep(key, request, text, event)
            yield event

    def _keep(self, key: str, request: GenerationRequest, text: str, done: Done) -> None:
        row: Row = {
            "key": key,
            "model": self.model_name,
            "messages": [[message.role, message.content] for message in request.messages],
            "draft": text,
            "reason": done.reason,
            "prompt_tokens": done.prompt_tokens,
            "logprobs": [round(value, 4) for value in done.logprobs],
            "first_token_ms": done.first_token_ms,
        }
        self._rows[key] = row
        with self._path.open("a") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def _key(self, request: GenerationRequest) -> str:
        asked = [self.model_name, request.max_tokens, list(request.stop)]
        asked += [[message.role, message.content] for message in request.messages]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:24]


def _read(path: Path) -> Iterator[Row]:
    """The whole lines of the file; a last one that was cut short is left out."""
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    yield from map(json.loads, lines)
