"""A WebDAV folder: Nextcloud, SharePoint's own, any server of RFC 4918. Listed folder by folder with PROPFIND."""

from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from rag.errors import SourceRefused, SourceUnavailable
from rag.folders import ELSEWHERE, FileContent, FoundFile, Survey, shown_name
from rag.sources.addresses import WEB_PORTS, Address, parse_address, path_of
from rag.sources.multistatus import Entry, read_multistatus
from rag.sources.patience import LISTING_SECONDS_MAX
from rag.sources.transport import Http, body, fetched
from rag.sources.versions import http_date, version_of

FILES_MAX = 200_000
FOLDERS_MAX = 20_000
DEPTH_MAX = 32
"""Folders in folders; a server whose folder holds itself is seen here."""

LISTING_BYTES_MAX = 64 * 1024 * 1024
"""Of one folder: 100,000 files, as servers write them."""

_ASKED = (
    b'<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop>'
    b"<resourcetype/><getetag/><getcontentlength/><getlastmodified/></prop></propfind>"
)
_HEADERS = {"depth": "1", "content-type": "application/xml; charset=utf-8"}


class WebDav:
    """One folder of a server, with everything below."""

    def __init__(self, name: str, address: Address, http: Http) -> None:
        self._name, self._http = name, http
        self._origin = address.origin
        self._root = address.segments

    def survey(self) -> Survey:
        """Every file below it, hidden ones left out. Raises SourceUnavailable where the folder is not listed."""
        with self._http.patience.within(LISTING_SECONDS_MAX):
            files = tuple(self._walk())
        return Survey(self._name, files, is_complete=not any(file.place.endswith("/") for file in files))

    def read(self, file: FoundFile, bytes_max: int) -> FileContent:
        """The bytes of one file."""
        content, headers = fetched(self._http, path_of((*self._root, *file.place.split("/"))), bytes_max)
        return FileContent(content, http_date(headers.get("last-modified", "")))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _walk(self) -> Iterator[FoundFile]:
        """Files first, then folders, each by name, as in a folder of this machine."""
        waiting: list[tuple[str, ...]] = [()]
        count, folders = 0, 0
        while waiting:
            below = waiting.pop()
            folders += 1
            entries, problem = self._listed(below, folders)
            if problem:
                yield _unlisted(below, problem)
            files = sorted((name, entry) for name, entry in entries.items() if not entry.is_folder)
            for name, entry in files:
                count += 1
                if count > FILES_MAX:
                    yield _unlisted(below, f"the source has over {FILES_MAX} files; divide it")
                    return
                yield _found((*below, name), entry)
            waiting += sorted(((*below, name) for name, entry in entries.items() if entry.is_folder), reverse=True)

    def _listed(self, below: tuple[str, ...], folders: int) -> tuple[dict[str, Entry], str]:
        """What a folder holds by name, and what is wrong with it."""
        if len(below) > DEPTH_MAX or folders > FOLDERS_MAX:
            return {}, f"the source has over {FOLDERS_MAX} folders, or over {DEPTH_MAX} in each other; divide it"
        try:
            with self._http.answer("PROPFIND", f"{path_of((*self._root, *below))}/", _HEADERS, _ASKED) as answer:
                listed = read_multistatus(body(answer, LISTING_BYTES_MAX), FILES_MAX)
        except SourceUnavailable as error:
            if not below:
                raise
            return {}, f"the folder cannot be listed: {error}"
        return self._children(below, listed)

    def _children(self, below: tuple[str, ...], listed: list[Entry]) -> tuple[dict[str, Entry], str]:
        folder = (*self._root, *below)
        entries: dict[str, Entry] = {}
        has_self, problem = False, ""
        for entry in listed:
            place = self._segments(entry.href)
            if place == folder:
                has_self = True
                if not entry.is_folder:
                    raise SourceRefused("this is the address of a file; name the folder in which it lies")
            elif place is None or place[:-1] != folder:
                problem = "the server lists names that leave the folder; they were left out"
            elif not place[-1].startswith("."):
                entries.setdefault(place[-1], entry)
        return entries, problem or ("" if has_self else "the server's listing is not that of the folder")

    def _segments(self, href: str) -> tuple[str, ...] | None:
        """The decoded path of an entry; None for one of another server, or a name that is none."""
        with suppress(ValueError):
            parts = urlsplit(href)
            if parts.netloc and not self._is_ours(href):
                return None
            found = tuple(unquote(part, errors="surrogateescape") for part in parts.path.split("/") if part)
            if not any(part in (".", "..") or "/" in part or "\0" in part for part in found):
                return found
        return None

    def _is_ours(self, href: str) -> bool:
        try:
            return parse_address(href.partition("?")[0], WEB_PORTS).origin == self._origin
        except SourceRefused:
            return False


def _found(place: tuple[str, ...], entry: Entry) -> FoundFile:
    path = "/".join(place)
    return FoundFile(
        ELSEWHERE, path, shown_name(path), version=version_of(entry.etag, entry.modified, entry.size), size=entry.size
    )


def _unlisted(below: tuple[str, ...], problem: str) -> FoundFile:
    place = "".join(f"{name}/" for name in below) or "/"
    return FoundFile(ELSEWHERE, place, shown_name(place), f"{problem}. Nothing of it was forgotten")
