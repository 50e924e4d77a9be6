"""Coverage-guided fuzzing of the readers: `make fuzz SECONDS=60`."""
