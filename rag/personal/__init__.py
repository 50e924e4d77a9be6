"""Personal identifiers in texts: found by their shape, checked by their own rules, marked at loading, masked."""
