"""The baseline of `bench.startup`: the same libraries imported, the same weights loaded, and nothing else.

`python -m bench.bare_start EMBEDDING.gguf GENERATION.gguf THREADS CONTEXT_TOKENS` prints `ready` when it is.
"""

import sys

LIBRARIES = (
    "typer",
    "rich.progress",
    "pydantic",
    "sqlalchemy",
    "alembic.command",
    "cryptography.hazmat.primitives.ciphers.aead",
    "numpy",
    "chromadb",
    "Stemmer",
    "jinja2",
    "fastapi",
    "uvicorn",
    "chainlit.server",
    "llama_cpp",
)
BATCH_TOKENS, MEAN = 512, 1


def main() -> None:
    """Import, load, say so."""
    for name in LIBRARIES:
        __import__(name)
    embedding, generation, threads, context_tokens = sys.argv[1:]
    _load(embedding, 1, BATCH_TOKENS, is_embedding=True)
    _load(generation, int(threads), int(context_tokens), is_embedding=False)
    print("ready", flush=True)


def _load(path: str, threads: int, context_tokens: int, *, is_embedding: bool) -> None:
    """Load as the house does: see models/llama.py for the parameters."""
    import llama_cpp

    weights = llama_cpp.llama_model_default_params()
    weights.use_extra_bufts = is_embedding
    parameters = llama_cpp.llama_context_default_params()
    parameters.n_ctx, parameters.n_batch, parameters.n_ubatch = context_tokens, BATCH_TOKENS, BATCH_TOKENS
    parameters.n_threads = parameters.n_threads_batch = threads
    if is_embedding:
        parameters.embeddings, parameters.pooling_type = True, MEAN
    model = llama_cpp.llama_model_load_from_file(path.encode(), weights)
    if not model or not llama_cpp.llama_init_from_model(model, parameters):
        raise SystemExit(f"{path} did not load; run `huisclos models verify`")


if __name__ == "__main__":
    main()
