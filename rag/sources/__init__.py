"""Where documents come from: each source lists what it has and reads one file, within bounds."""
