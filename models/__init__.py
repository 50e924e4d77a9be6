"""Local inference: quantized weights to vectors and tokens."""

import os

SPINS = "1000"
"""How often a thread of llama.cpp looks for the others before it sleeps; OpenMP reads it when it is loaded. Its own
300,000 keep a core from whoever could run there: docs/benchmarks.md tells what both cost."""
os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
