"""Measurements, each against a plain baseline in the same run."""

import rag  # noqa: F401 - before numpy: it says how many threads OpenBLAS takes
