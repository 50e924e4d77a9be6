"""Prometheus metrics on a port of their own: counts and times, never a word, a name or an id."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socketserver import BaseServer

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from chat.errors import SettingsWrong
from chat.settings import Metrics as Wanted
from models.figures import Figures
from models.watched import Course

SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
SECONDS_A_TOKEN = (0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.4, 0.8, 1.6)
PREFIX = "huisclos"
LOOPBACK = "127.0.0.1"
"""A scraper elsewhere comes through an agent or a proxy of this machine, which knows whom it lets in."""

_NOW = (
    ("waiting", "Requests in line for the model"),
    ("running", "Requests that the model serves"),
    ("slots", "Requests that it can serve at once"),
    ("kept", "Conversations that it remembers"),
    ("kept_bytes", "Memory of those"),
)
_SINCE = (
    ("evictions", "Conversations forgotten for want of room"),
    ("restarts", "Contexts opened anew after a failure"),
    ("steps", "Passes over the weights"),
    ("step_seconds", "Seconds in them"),
    ("failed_checks", "Checks of its own, while nobody is served, that failed"),
)


class Metrics:
    """Takes how requests went, and gives a page for a scraper."""

    def __init__(self, figures: Callable[[], Figures | None]) -> None:
        self._registry = CollectorRegistry(auto_describe=True)
        self._requests = Counter(
            f"{PREFIX}_requests", "Requests to the model by how they ended", ["outcome"], registry=self._registry
        )
        self._waited = self._histogram("wait", "From asking to when the model begins", SECONDS)
        self._first = self._histogram("first_token", "From asking to the first piece of text", SECONDS)
        self._token = self._histogram("token", "Between two tokens of an answer", SECONDS_A_TOKEN)
        self._tokens = Counter(
            f"{PREFIX}_tokens",
            "Tokens read, taken from what was remembered, written",
            ["kind"],
            registry=self._registry,
        )
        self._registry.register(_Engine(figures))
        ProcessCollector(registry=self._registry)

    def _histogram(self, name: str, about: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"{PREFIX}_{name}_seconds", about, buckets=buckets, registry=self._registry)

    def take(self, course: Course) -> None:
        """Count a request that has ended."""
        self._requests.labels(course.outcome).inc()
        for histogram, seconds in (
            (self._waited, course.waited),
            (self._first, course.first_token),
            (self._token, course.token),
        ):
            if seconds is not None:
                histogram.observe(seconds)
        read = course.prompt_tokens - course.kept_tokens if course.waited is not None else 0
        for kind, count in (("read", read), ("remembered", course.kept_tokens), ("written", course.answer_tokens)):
            self._tokens.labels(kind).inc(max(0, count))

    @contextmanager
    def served(self, wanted: Wanted) -> Iterator[None]:
        """Give the page at the port of the settings until the end; raises SettingsWrong where it cannot be had."""
        try:
            server, thread = start_http_server(wanted.port, LOOPBACK, self._registry)
        except OSError as error:
            raise SettingsWrong(
                f"setting metrics.port: {LOOPBACK}:{wanted.port} cannot be listened on ({error.strerror}); "
                "choose another port"
            ) from error
        try:
            yield
        finally:
            _stop(server, thread)


class _Engine(Collector):
    """The engine's figures at the moment of a scrape; none while there is no engine."""

    def __init__(self, figures: Callable[[], Figures | None]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        figures = self._figures()
        if figures is None:
            return
        for name, about in _NOW:
            yield GaugeMetricFamily(f"{PREFIX}_engine_{name}", about, value=getattr(figures, name))
        for name, about in _SINCE:
            yield CounterMetricFamily(f"{PREFIX}_engine_{name}", about, value=getattr(figures, name))


def _stop(server: BaseServer, thread: threading.Thread) -> None:
    server.shutdown()
    server.server_close()
    thread.join()
