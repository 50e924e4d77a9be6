"""The native llama.cpp server with our settings, in its wheel's own environment: says its port, ends with its input.

`native.py WEIGHTS CONTEXT_TOKENS SLOTS THREADS`. It imports nothing of ours. Its line holds the port, then what its
build uses of the processor.
"""

import sys
from urllib.parse import urlsplit

import xllamacpp


def main() -> None:
    """Serve on loopback until the input ends."""
    weights, context_tokens, slots, threads = sys.argv[1:]
    wanted = xllamacpp.CommonParams()
    wanted.model.path, wanted.model_alias = weights, {"bench"}
    wanted.n_ctx, wanted.n_parallel, wanted.n_gpu_layers = int(context_tokens) * int(slots), int(slots), -1
    wanted.n_batch = wanted.n_ubatch = 512
    wanted.no_extra_bufts = True  # as ours
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = int(threads)
    wanted.port, wanted.verbosity, wanted.cache_ram_mib = 0, 0, 0
    server = xllamacpp.Server(wanted)
    sys.stdout.write(f"{urlsplit(server.listening_address).port} {xllamacpp.get_system_info()}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
