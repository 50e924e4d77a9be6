"""A program of this machine run for a source: bounded in time, output, memory and files, without our environment."""

import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rag.errors import SourceUnavailable
from rag.sources.patience import OutOfPatience, Patience

PART_BYTES = 65536
COMPLAINT_BYTES_MAX = 8192
"""Of what a program says on its standard error, the last."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a program may take: memory and each of its files in KiB, output in bytes."""

    memory_kib: int
    file_kib: int
    output_bytes: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended."""

    code: int
    output: bytes
    complaint: bytes


def run_bounded(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    bounds: Bounds,
    patience: Patience,
    secret: bytes = b"",
) -> Ended:
    """Run a program in a folder, within the patience of this thread; its whole group ends with it.

    `secret` is what it can read from file descriptor 9, once: in no argument, environment or file. Raises
    SourceUnavailable where it takes too long or says too much.
    """
    limits = f"exec 9<&0 </dev/null; ulimit -c 0; ulimit -v {bounds.memory_kib}; ulimit -f {2 * bounds.file_kib}; "
    limits += 'exec "$@"'
    reading, writing = os.pipe()
    try:
        os.write(writing, secret)
        os.close(writing)
        process = subprocess.Popen(
            ["/bin/sh", "-c", limits, "sh", *command],
            cwd=folder,
            env=dict(environment),
            stdin=reading,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    finally:
        os.close(reading)
    try:
        with process:
            try:
                return _followed(process, bounds.output_bytes, patience)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    except OutOfPatience as error:
        raise SourceUnavailable(str(error)) from error


def _followed(process: subprocess.Popen[bytes], output_max: int, patience: Patience) -> Ended:
    streams = [stream.fileno() for stream in (process.stdout, process.stderr) if stream]
    output, complaint = streams
    complaints = b""
    parts: list[bytes] = []
    size, is_open = 0, {output, complaint}
    while is_open:
        ready, _, _ = select.select(list(is_open), [], [], patience.wait(patience.now()))
        for stream in ready:
            part = os.read(stream, PART_BYTES)
            if not part:
                is_open.discard(stream)
            elif stream == complaint:
                complaints = (complaints + part)[-COMPLAINT_BYTES_MAX:]
            else:
                parts.append(part)
                size += len(part)
                if size > output_max:
                    raise SourceUnavailable(f"over {output_max} bytes came where fewer were expected")
    return Ended(process.wait(), b"".join(parts), complaints)
