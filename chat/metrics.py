"""Prometheus metrics on a port of their own: counts and times, never a word, a name or an id."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from models.figures import Figures
from models.watched import Course
from rag.answering.answer import Answer

SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
SECONDS_A_TOKEN = (0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.4, 0.8, 1.6)
MS_A_SECOND = 1000
PREFIX = "huisclos"

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
    ("followed", "Requests that went on from what was remembered of their conversation"),
    ("failed_checks", "Checks of its own, while nobody is served, that failed"),
)


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the house holds: passages that are searched, and by state the loads and syncs that have not ended."""

    passages: int
    jobs: Mapping[str, int]


class Metrics:
    """Takes how requests and questions went, and gives a page for a scraper."""

    def __init__(self, figures: Callable[[], Figures | None], holdings: Callable[[], Holdings]) -> None:
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
        self._answers = Counter(
            f"{PREFIX}_answers",
            "Questions by what came of them: answered, quoted, or the reason of a refusal",
            ["outcome"],
            registry=self._registry,
        )
        self._search = self._histogram("search", "Search of the passages for a question", SECONDS)
        self._answer = self._histogram("answer", "From a question to its checked answer or refusal", SECONDS)
        self._registry.register(_Engine(figures))
        self._registry.register(_House(holdings))
        ProcessCollector(registry=self._registry)

    def page(self) -> bytes:
        """Everything as it is now, in the text format that Prometheus reads."""
        return generate_latest(self._registry)

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

    def take_answer(self, answer: Answer) -> None:
        """Count a question that was answered or refused."""
        self._answers.labels(_outcome(answer)).inc()
        self._search.observe(answer.timings.retrieve_ms / MS_A_SECOND)
        self._answer.observe(answer.timings.total_ms / MS_A_SECOND)


def _outcome(answer: Answer) -> str:
    if answer.reason:
        return answer.reason.value
    return "quoted" if answer.is_quoted else "answered"


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


class _House(Collector):
    """What the house holds at the moment of a scrape; nothing where the database does not say."""

    def __init__(self, holdings: Callable[[], Holdings]) -> None:
        self._holdings = holdings

    def collect(self) -> Iterator[GaugeMetricFamily]:
        with suppress(SQLAlchemyError):  # what the engine says is still given
            held = self._holdings()
            yield GaugeMetricFamily(f"{PREFIX}_passages", "Passages that are searched", value=held.passages)
            jobs = GaugeMetricFamily(f"{PREFIX}_jobs", "Loads and syncs that have not ended", labels=["state"])
            for state, count in held.jobs.items():
                jobs.add_metric([state], count)
            yield jobs
