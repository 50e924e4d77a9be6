"""Files of a load read by several machines, where PostgreSQL is the truth."""
