"""What a process holds of memory."""

from pathlib import Path

MIB = 1 << 20


def anonymous_bytes(pid: int | str = "self") -> int:
    """Bytes in memory that are of no file (RssAnon)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))
