"""The native llama.cpp server, run in its own environment: says its port, and ends with its input.

`native_server.py WEIGHTS CONTEXT_TOKENS SLOTS PORT [KEY]`
"""

import sys
from urllib.parse import urlsplit

import xllamacpp

CACHE_MIB = 512
"""Prompts that the server keeps for all: it does so with 8 GB unless told otherwise."""


def main() -> None:
    weights, context_tokens, slots, port, *keys = sys.argv[1:]
    wanted = xllamacpp.CommonParams()
    wanted.model.path = weights
    wanted.model_alias = {"small"}
    wanted.n_ctx, wanted.n_parallel, wanted.n_gpu_layers = int(context_tokens), int(slots), 0
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = 1
    wanted.port, wanted.verbosity, wanted.cache_ram_mib, wanted.api_keys = int(port), 0, CACHE_MIB, keys
    server = xllamacpp.Server(wanted)
    sys.stdout.write(f"{urlsplit(server.listening_address).port}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
