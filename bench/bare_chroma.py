"""What a process grows by, in bytes, that opens a Chroma folder and asks it once: folder, collection, dimensions."""

import sys
from pathlib import Path

import chromadb
import numpy as np
from chromadb.config import Settings


def main() -> None:
    """Print it."""
    folder, name, dimensions = sys.argv[1], sys.argv[2], int(sys.argv[3])
    before = _anonymous()
    settings = Settings(anonymized_telemetry=False, is_persistent=True, persist_directory=folder)
    collection = chromadb.PersistentClient(folder, settings).get_collection(name, embedding_function=None)
    collection.query(query_embeddings=np.ones((1, dimensions), np.float32), n_results=10, include=["distances"])
    print(_anonymous() - before)


def _anonymous() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))


if __name__ == "__main__":
    main()
