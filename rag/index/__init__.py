"""The index in memory: vectors and words, a cache of the sealed truth."""
