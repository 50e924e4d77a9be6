"""What is asked of each kind of server, and what its answers mean."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any

from models.generation import GenerationRequest
from models.grammar import grammar_of
from models.served.patience import Patience
from models.served.prompt import broken_up, interleaved, marks_for, sendable, split_at
from models.served.trouble import Refused, Trouble
from models.served.wire import Wire

COUNT_SECONDS_MAX = 20.0
"""For each exchange about a prompt before it is answered."""
MESSAGE_TOKENS = 64
"""Of a chat template around each message and around all, where a server does not count: those known take under 40."""
_ALL = -1
"""What vLLM calls a `top_k` that cuts nothing off."""
_SALT_KEY = secrets.token_bytes(32)


class Kind(Enum):
    """Which options a server takes."""

    LLAMA = "llama-server"
    VLLM = "vLLM"
    OTHER = "OpenAI-compatible"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a server says of itself. `slots` is how many answers it writes at once, None where it does not say."""

    kind: Kind
    model: str
    context_tokens: int | None
    slots: int | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request as one kind of server takes it; `tokens` is never less than what it counts."""

    path: str
    body: Mapping[str, Any] = field(repr=False)
    tokens: int


def learn(wire: Wire, patience: Patience, wanted_model: str) -> Facts:
    """Ask a server what it is. Raises Trouble where it is not ready or serves no model of that name."""
    listed = wire.json("/v1/models", patience).get("data")
    models = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    names = [str(item.get("id", "")) for item in models]
    found = next((item for item in models if item.get("id") == wanted_model or not wanted_model), None)
    if found is None:
        shown = ", ".join(name[:80] for name in names[:5]) or "none"
        raise Trouble(f"it serves no model {wanted_model or 'at all'} (it lists: {shown}); correct models.server_model")
    name = str(found.get("id", ""))
    if length := _number(found.get("max_model_len")):
        return Facts(Kind.VLLM, name, length)
    try:
        properties = wire.json("/props", patience)
    except Trouble:
        properties = {}
    settings = properties.get("default_generation_settings")
    if "total_slots" in properties and isinstance(settings, dict):
        return Facts(Kind.LLAMA, name, _number(settings.get("n_ctx")), _number(properties["total_slots"]))
    meta = found.get("meta")
    trained = _number(meta.get("n_ctx_train")) if isinstance(meta, dict) else None
    return Facts(Kind.OTHER, name, trained)


def count(wire: Wire, facts: Facts, text: str, patience: Patience) -> int:
    """How many tokens a text costs; one a byte, which no tokenizer exceeds, where the server has no way to ask."""
    patience.begin("counting tokens", COUNT_SECONDS_MAX)
    if facts.kind is Kind.LLAMA:
        return len(_llama_tokens(wire, patience, sendable(text), False, False))
    text = broken_up(text)
    if facts.kind is Kind.VLLM:
        body = {"model": facts.model, "prompt": text, "add_special_tokens": False}
        return _counted(wire.json("/tokenize", patience, body))
    return len(text.encode())


def prepare(wire: Wire, facts: Facts, request: GenerationRequest, patience: Patience) -> Prompt:
    """What to send for this request, its prompt's tokens counted."""
    patience.begin("counting tokens", COUNT_SECONDS_MAX)
    body = {**_sampling(request), **_privacy(facts, request), **_shape(facts, request), "model": facts.model}
    if facts.kind is Kind.LLAMA:
        tokens = _llama_prompt(wire, request, patience)
        body |= {"prompt": tokens, "n_predict": request.max_tokens, "timings_per_token": True}
        if request.logprobs:
            body["logprobs"] = 1
        return Prompt("/v1/completions", body, len(tokens))
    messages = [{"role": item.role, "content": broken_up(item.content)} for item in request.messages]
    body |= {"messages": messages, "max_tokens": request.max_tokens}
    if request.logprobs:
        body["logprobs"] = True
    if facts.kind is Kind.VLLM:
        asked = {"model": facts.model, "messages": messages, "add_generation_prompt": True}
        return Prompt("/v1/chat/completions", body, _counted(wire.json("/tokenize", patience, asked)))
    size = sum(len(item["content"].encode()) for item in messages)
    return Prompt("/v1/chat/completions", body, size + MESSAGE_TOKENS * (len(messages) + 1))


def _sampling(request: GenerationRequest) -> dict[str, Any]:
    """Stop strings are not sent: they are looked for here, in the same way whatever the server."""
    chosen = request.sampling
    return {
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": chosen.temperature,
        "top_p": chosen.top_p,
        "seed": chosen.seed,
    }


def _shape(facts: Facts, request: GenerationRequest) -> dict[str, Any]:
    """The options that each kind spells its own way; grammars are refused where nobody knows how."""
    chosen, grammar = request.sampling, grammar_of(request)
    schema = json.loads(request.json_schema) if request.json_schema else None
    found: dict[str, Any] = {"top_k": chosen.top_k, "min_p": chosen.min_p}
    if facts.kind is Kind.LLAMA:
        return found | {"repeat_penalty": chosen.repeat_penalty} | ({"grammar": grammar} if grammar else {})
    if facts.kind is Kind.VLLM:
        found |= {"repetition_penalty": chosen.repeat_penalty, "top_k": chosen.top_k or _ALL}
        found["stream_options"] = {"include_usage": True, "continuous_usage_stats": True}
        wanted = {"json": schema} if schema is not None else {"grammar": grammar}
        return found | ({"structured_outputs": wanted} if grammar else {})
    if request.grammar:
        raise Refused("it takes no grammar that is known here; use llama-server or vLLM")
    if schema is None:
        return {}
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}}


def _privacy(facts: Facts, request: GenerationRequest) -> dict[str, Any]:
    """Nothing is read from what others asked: how long the first token takes would tell (ADR 20).

    llama-server keeps one cache for all, so it is told not to use it. vLLM keeps apart what has another salt.
    """
    if facts.kind is Kind.LLAMA:
        return {"cache_prompt": False}
    if facts.kind is Kind.VLLM:
        person = request.person.encode() or secrets.token_bytes(16)
        return {"cache_salt": hashlib.blake2b(person, key=_SALT_KEY, digest_size=16).hexdigest()}
    return {}


def _llama_prompt(wire: Wire, request: GenerationRequest, patience: Patience) -> list[int]:
    marks = marks_for(request.messages)
    messages = [{"role": item.role, "content": mark} for item, mark in zip(request.messages, marks, strict=True)]
    rendered = wire.json("/apply-template", patience, {"messages": messages}).get("prompt")
    if not isinstance(rendered, str):
        raise Trouble("it renders no chat template; start it with --jinja, or another version")
    return interleaved(split_at(rendered, marks), request.messages, partial(_llama_tokens, wire, patience))


def _llama_tokens(wire: Wire, patience: Patience, text: str, is_control: bool, is_first: bool) -> list[int]:
    if not text and not is_first:
        return []
    body = {"content": text, "add_special": is_first, "parse_special": is_control}
    found = wire.json("/tokenize", patience, body).get("tokens")
    if not isinstance(found, list) or not all(isinstance(token, int) for token in found):
        raise Trouble("it does not say which tokens a text has; see what runs there")
    return found


def _counted(answer: Mapping[str, Any]) -> int:
    number = answer.get("count")
    if not isinstance(number, int) or number < 0:
        raise Trouble("it does not say how many tokens a text has; see what runs there")
    return number


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
