"""The pages of a website of the house that its sitemap lists: those of the sitemap's own server, one request at a time.

A page's place is its path and query. Its version is the date that the sitemap gives it, else what the server says of
it (HEAD); where neither tells, it is fetched and told by its content.
"""

import threading
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urljoin, urlsplit

import httpx

from rag.errors import SentElsewhere, SourceRefused, SourceUnavailable
from rag.folders import ELSEWHERE, FileContent, FoundFile, Survey, shown_name
from rag.sources.addresses import WEB_PORTS, Address, parse_address
from rag.sources.elements import size_of
from rag.sources.patience import LISTING_SECONDS_MAX, Patience
from rag.sources.sitemap import Listed, read_sitemap, version_of_date
from rag.sources.transport import PLAIN, Http, body, fetched
from rag.sources.versions import http_date, version_of

PAGES_MAX = 200_000
SITEMAPS_MAX = 1000
DEPTH_MAX = 3
"""Sitemaps in sitemaps; the protocol has two."""

LISTING_BYTES_MAX = 64 * 1024 * 1024
"""Of one sitemap, unpacked; the protocol has 50 MB."""

PLACE_CHARACTERS_MAX = 2048
HOPS_MAX = 3
PAUSE_SECONDS = 0.1
"""Between the end of one request and the next."""

ASKING_SECONDS_MAX = 240.0
"""For asking after pages that the sitemap gives no date: those whose turn has not come are fetched."""

UNANSWERED_MAX = 3
_PATH_SAFE = "/%:@!$&'()*+,;=~"
_QUERY_SAFE = f"{_PATH_SAFE}?"
_PACKED = frozenset({"identity", "gzip", "x-gzip"})
"""Servers that know the ending .gz say so; a sitemap is unpacked either way."""

_FOR_NOW = (
    "the server sends to another page for now, as it does to sign in; give the source credentials, or make the page "
    "answer by itself"
)


class Site:
    """One server, asked one thing at a time, and followed where it sends for good to another of its own pages."""

    def __init__(self, http: Http, origin: str) -> None:
        self._http, self._origin = http, origin
        self._turn = threading.Lock()
        self._asked_at: float | None = None

    @property
    def patience(self) -> Patience:
        """That of the sync at hand."""
        return self._http.patience

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn, and a moment after the one before."""
        with self._turn:
            if self._asked_at is not None:
                self.patience.stopped.wait(max(0.0, self._asked_at + PAUSE_SECONDS - self.patience.now()))
            try:
                yield
            finally:
                self._asked_at = self.patience.now()

    @contextmanager
    def answer(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        encodings: Container[str] = PLAIN,
    ) -> Iterator[httpx.Response]:
        """What is at a place, or where that was moved to for good. Raises SourceUnavailable."""
        with ExitStack() as answered:
            yield self._followed(path, lambda at: answered.enter_context(self._ask(method, at, headers, encodings)))

    def place_of(self, location: str) -> str | None:
        """Path and query of an address, as they are asked for; None for one of another server, and for what is none."""
        with suppress(ValueError, SourceRefused):
            parts = urlsplit(location)
            if parse_address(f"{parts.scheme}://{parts.netloc}", WEB_PORTS).origin != self._origin:
                return None
            path = quote(parts.path or "/", safe=_PATH_SAFE)
            place = f"{path}?{quote(parts.query, safe=_QUERY_SAFE)}" if parts.query else path
            is_straight = not {".", ".."} & set(unquote(path).split("/"))
            return place if is_straight and len(place) <= PLACE_CHARACTERS_MAX else None
        return None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str] | None, encodings: Container[str]
    ) -> AbstractContextManager[httpx.Response]:
        return self._http.answer(method, path, headers, encodings=encodings)

    def _followed(self, path: str, ask: Callable[[str], httpx.Response]) -> httpx.Response:
        for _ in range(HOPS_MAX + 1):
            try:
                return ask(path)
            except SentElsewhere as sent:
                if not sent.is_permanent:
                    raise SourceRefused(_FOR_NOW) from None
                place = self.place_of(urljoin(f"{self._origin}{path}", sent.location))
                if place is None:
                    raise
                path = place
        raise SourceUnavailable(f"the server sends on over {HOPS_MAX} times; look at its log")


@dataclass
class _Findings:
    """What a reading of sitemaps came to. `left_out` counts pages of other servers."""

    pages: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    left_out: int = 0


class Website:
    """What one sitemap lists, with the sitemaps that it names."""

    def __init__(self, name: str, address: Address, http: Http) -> None:
        self._name, self._host, self._root = name, address.host, address.path or "/"
        self._site = Site(http, address.origin)

    def survey(self) -> Survey:
        """Every page. Raises SourceUnavailable where the sitemap cannot be read, or has no page of its own server."""
        with self._site.patience.within(LISTING_SECONDS_MAX):
            found = self._read()
            if found.left_out and not found.pages:
                raise SourceRefused("every page in the sitemap is of another server; name that server's own sitemap")
            versions = found.pages | self._asked(found)
        files = [FoundFile(ELSEWHERE, place, self._shown(place), version=versions[place]) for place in sorted(versions)]
        files += [FoundFile(ELSEWHERE, at, self._shown(at), problem) for at, problem in found.problems.items()]
        return Survey(self._name, tuple(files), is_complete=not found.problems)

    def read(self, file: FoundFile, bytes_max: int) -> FileContent:
        """The bytes of one page."""
        with self._site.turn():
            content, headers = fetched(self._site, file.place, bytes_max)
        return FileContent(content, http_date(headers.get("last-modified", "")))

    def close(self) -> None:
        """Close the connections."""
        self._site.close()

    def _read(self) -> _Findings:
        """The sitemap and those that it names, each once."""
        found = _Findings()
        waiting, seen = [(self._root, 0)], {self._root}
        while waiting:
            place, depth = waiting.pop(0)
            for listed in self._listed(place, found):
                at = self._site.place_of(listed.location)
                if not listed.is_sitemap:
                    self._put(at, listed, found)
                elif at is None:
                    found.problems["/"] = "the sitemap names one of another server, which was not read"
                elif at not in seen and depth < DEPTH_MAX and len(seen) < SITEMAPS_MAX:
                    seen.add(at)
                    waiting.append((at, depth + 1))
                elif at not in seen:
                    found.problems["/"] = f"there are over {SITEMAPS_MAX} sitemaps, or over {DEPTH_MAX} in each other"
        return found

    def _listed(self, place: str, found: _Findings) -> list[Listed]:
        try:
            with self._site.turn(), self._site.answer("GET", place, encodings=_PACKED) as answer:
                return read_sitemap(body(answer, LISTING_BYTES_MAX), LISTING_BYTES_MAX, PAGES_MAX)
        except SourceUnavailable as error:
            if place == self._root:
                raise
            found.problems[place] = f"the sitemap cannot be read: {error}. Nothing was forgotten"
            return []

    def _put(self, place: str | None, listed: Listed, found: _Findings) -> None:
        if place is None:
            found.left_out += 1
        elif len(found.pages) < PAGES_MAX:
            found.pages.setdefault(place, version_of_date(listed.modified))
        elif place not in found.pages:
            found.problems["/"] = f"the sitemap has over {PAGES_MAX} pages; divide it"

    def _asked(self, found: _Findings) -> dict[str, str]:
        """Versions of the pages that have none, as far as the server tells them in a bounded time."""
        until, unanswered = self._site.patience.now() + ASKING_SECONDS_MAX, 0
        told: dict[str, str] = {}
        for place in (place for place, version in found.pages.items() if not version):
            if unanswered >= UNANSWERED_MAX or self._site.patience.now() > until:
                break
            try:
                with self._site.turn(), self._site.answer("HEAD", place) as answer:
                    told[place] = _version(answer.headers)
                unanswered = 0
            except SourceUnavailable:
                unanswered += 1
        return told

    def _shown(self, place: str) -> str:
        return shown_name(unquote(place).strip("/") or self._host)


def _version(headers: httpx.Headers) -> str:
    size = size_of(headers.get("content-length", ""))
    return version_of(headers.get("etag", ""), headers.get("last-modified", ""), size)
