"""Documents in, passages and cited answers out.

A product of vectors takes a millisecond here. The further threads of OpenBLAS, which wait for the next one by spinning,
would take ten of a processor that a model needs: they are not wished for. OpenBLAS reads that when numpy comes in.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
