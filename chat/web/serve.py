"""The server: the pages on TCP and the operations on a Unix socket, in one process, stopped together."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from chat.assembly import House
from chat.logs import configure_logs, record
from chat.scraping import scraped
from chat.web.application import create_application
from chat.web.egress import DenialRecorder
from security.egress import armed_guard

STOP_SECONDS = 5
LOOK_SECONDS = 0.05


class _Server(uvicorn.Server):
    """A server that leaves signals to `serve`, which stops both."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def create_pages(house: House) -> ASGIApp:
    """Everything a browser reaches; its log is ours. Importing the view takes two seconds."""
    application = create_application(house)
    configure_logs()  # the view has configured its own
    house.tell = record
    return application


def serve(house: House, application: ASGIApp, admin: FastAPI, socket_name: str, started: Callable[[], None]) -> None:
    """Load what answering needs, then serve until SIGTERM or SIGINT."""
    _ = house.answerer  # weights, index: a question must not wait for them
    where = house.settings
    pages = _server(application, host=where.server.host, port=where.server.port)
    for end in house.shredder.ended:
        record("shredding_finished" if end.is_destroyed else "shredding_dropped", owner=end.owner)
    for collection in house.collections.list():
        if house.documents.integrity.is_closed(collection.id):
            record("collection_closed", collection_id=collection.id)
    with socket.socket(socket.AF_UNIX) as operator:
        path = house.memory_dir / socket_name
        operator.bind(str(path))
        path.chmod(0o600)  # uvicorn would make it 0666
        with _scraped(house), house.rotations.resumed(), house.jobs.served(), house.watching.served():
            asyncio.run(_run(house, {_server(admin): [operator], pages: None}, started))


def _scraped(house: House) -> contextlib.AbstractContextManager[None]:
    where = house.settings.metrics
    return scraped(house.metrics.page, where.host, where.port) if where.port else contextlib.nullcontext()


def _server(application: ASGIApp, **where: Any) -> _Server:
    """A server without an access log (paths hold ids) on Python's own loop, which the egress guard sees."""
    return _Server(
        uvicorn.Config(
            application,
            **where,
            loop="asyncio",
            ws="websockets-sansio",
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=STOP_SECONDS,
            server_header=False,
        )
    )


async def _run(
    house: House, servers: Mapping[_Server, list[socket.socket] | None], started: Callable[[], None]
) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, servers, house.jobs.stop)
    tasks = [asyncio.create_task(server.serve(sockets)) for server, sockets in servers.items()]
    denials = DenialRecorder(house, armed_guard())
    beside = [asyncio.create_task(_tell(house, servers, started)), asyncio.create_task(denials.watch())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in beside:
        task.cancel()
    _stop(servers, house.jobs.stop)
    await asyncio.gather(*beside, return_exceptions=True)
    await asyncio.gather(*tasks)
    denials.write()
    record("server_stopped")


async def _tell(house: House, servers: Iterable[_Server], started: Callable[[], None]) -> None:
    """Tell once every server listens, not before; then work out what the first question would wait for."""
    while not all(server.started for server in servers):
        await asyncio.sleep(LOOK_SECONDS)
    record("server_started", is_model_away=house.generator.is_away)
    started()
    await asyncio.to_thread(house.searcher.warm)


def _stop(servers: Iterable[_Server], first: Callable[[], None]) -> None:
    """Have jobs end where they are before their followers are cut off, who would otherwise cancel them."""
    first()
    for server in servers:
        server.should_exit = True
