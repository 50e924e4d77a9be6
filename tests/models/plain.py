"""The engine's plain twin, an oracle for tests: one request, its whole prompt at once, then token by token."""

from pathlib import Path

from models.chat_format import FORMATS
from models.generation import GenerationRequest
from models.llama import GenerationContext, Model, Part, Sampler


def written(path: Path, request: GenerationRequest, chat_format: str = "chatml") -> str:
    """What the weights write for a request, alone."""
    model = Model(path)
    pieces = FORMATS[chat_format].pieces(request.messages)
    tokens = [token for piece in pieces for token in model.tokenize(piece.text, parse_special=piece.is_control)]
    context = GenerationContext(model, context_tokens=2048, threads=1)
    sampler = Sampler(model, request.sampling)
    (row,) = context.decode([Part(0, tokens, 0, has_logits=True)])
    text = b""
    for position in range(len(tokens), len(tokens) + request.max_tokens):
        token = sampler.sample(context, row)
        if model.is_end(token):
            break
        text += model.piece(token)
        (row,) = context.decode([Part(0, [token], position, has_logits=True)])
    sampler.close()
    context.close()
    model.close()
    return text.decode("utf-8", "ignore")
