"""The sealed truth: collections, documents, passages, originals."""
