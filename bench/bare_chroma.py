"""What a process grows by, in bytes, that opens a Chroma folder and asks it once: folder, collection, dimensions."""

import sys

import chromadb
import numpy as np
from chromadb.config import Settings

from bench.memory import anonymous_bytes


def main() -> None:
    """Print it."""
    folder, name, dimensions = sys.argv[1], sys.argv[2], int(sys.argv[3])
    before = anonymous_bytes()
    settings = Settings(anonymized_telemetry=False, is_persistent=True, persist_directory=folder)
    collection = chromadb.PersistentClient(folder, settings).get_collection(name, embedding_function=None)
    collection.query(query_embeddings=np.ones((1, dimensions), np.float32), n_results=10, include=["distances"])
    print(anonymous_bytes() - before)


if __name__ == "__main__":
    main()
