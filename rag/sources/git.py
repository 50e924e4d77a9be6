"""A Git repository at one branch: its newest commit, fetched shallow into memory; the ids of blobs are versions.

The `git` program connects by itself, where the egress guard does not see it. So it gets one address, which IT listed,
and is told to go nowhere else: no redirect, alternate, proxy, submodule, bundle, hook, or configuration but ours.
Nothing is ever checked out: a file is read by its id from the pack.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from rag.errors import DocumentRejected, FileUnavailable, SourceRefused, SourceUnavailable
from rag.folders import ELSEWHERE, FileContent, FoundFile, Survey, shown_name
from rag.sources.addresses import parse_address, require_listed, require_sealed
from rag.sources.patience import LISTING_SECONDS_MAX, Patience
from rag.sources.programs import Bounds, Ended, run_bounded
from rag.sources.record import Credentials
from security.egress import AllowedEntry

FILES_MAX = 200_000
LISTING_BYTES_MAX = 64 * 1024 * 1024
PACK_KIB_MAX = 1024 * 1024
"""Of the newest commit, compressed: it lies in memory while it is read."""

MEMORY_KIB_MAX = 4 * 1024 * 1024
_MB = 1024 * 1024
_PORTS = {"https": 443, "http": 80, "git": 9418}
_FILE = "file://"
_REF = "refs/source/head"
_PLAIN = re.compile(r"\w[\w.-]*")
_FIELDS = 4
_LINK, _SUBMODULE = "120000", "160000"
_HELPER = '!f() { test "$1" = get && cat <&9; }; f'
"""Hands over the credentials that `run_bounded` left at descriptor 9."""

_SETTINGS = (
    "credential.helper=",
    f"credential.helper={_HELPER}",
    "credential.useHttpPath=false",
    "http.followRedirects=false",
    "http.proxy=",
    "http.sslVerify=true",
    "transfer.bundleURI=false",
    "fetch.uriProtocols=",
    "fetch.unpackLimit=1",
    "fetch.recurseSubmodules=false",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.askPass=/bin/false",
    "gc.auto=0",
    "maintenance.auto=false",
    "pack.threads=1",
)
_SENTENCES = (
    (b"Authentication failed", "the server refuses these credentials; add the source again with others"),
    (b"could not read Username", "the server asks for credentials; add the source again with some"),
    (b"couldn't find remote ref", "the repository has no such branch"),
    (b"dubious ownership", "the repository belongs to another user of this machine, and git does not open it for ours"),
    (b"redirect", "the server sends elsewhere, where nobody follows: add the source with the address it means"),
    (b"certificate", "the server's certificate is not trusted; see --ca-file"),
    (b"Could not resolve", "the server cannot be reached; see that it runs, and the network"),
    (b"Failed to connect", "the server cannot be reached; see that it runs, and the network"),
    (b"unable to connect", "the server cannot be reached; see that it runs, and the network"),
)


def check_address(text: str, allowed: Iterable[AllowedEntry]) -> None:
    """Raise SourceRefused unless the address is a folder of this machine, or listed and sealed on the way."""
    if text.startswith(_FILE):
        if not text.removeprefix(_FILE).startswith("/"):
            raise SourceRefused("a repository of this machine is named file:///its/whole/path")
        return
    address = parse_address(text, _PORTS)
    require_listed(address, allowed)
    require_sealed(address, "https")


def check_branch(name: str) -> None:
    """Raise SourceRefused for what git could take for an option or a pattern."""
    is_plain = all(_PLAIN.fullmatch(part) for part in name.split("/"))
    if name and (not is_plain or ".." in name):
        raise SourceRefused("a branch is named by letters, digits, and - _ . / between them")


class GitRepository:
    """One branch of one repository."""

    def __init__(
        self,
        name: str,
        address: str,
        options: Mapping[str, str],
        credentials: Credentials,
        memory_dir: Path,
        patience: Patience,
    ) -> None:
        self._name, self._address, self._options = name, address, options
        self._credentials = credentials
        self._patience = patience
        self._folder = Path(tempfile.mkdtemp(prefix="source-", dir=memory_dir))

    def survey(self) -> Survey:
        """Every file of the newest commit, hidden ones left out. Raises SourceUnavailable."""
        branch = self._options.get("branch", "")
        wanted = f"refs/heads/{branch}" if branch else "HEAD"
        with self._patience.within(LISTING_SECONDS_MAX):
            self._git("init", "--quiet", "--bare", ".")
            fetch = ("fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
            self._git(*fetch, "--", self._address, f"+{wanted}:{_REF}", is_signed=True)
            listed = self._git("ls-tree", "-r", "-z", "--long", "--full-tree", _REF)
        files = tuple(self._files(listed.output))
        return Survey(self._name, files, is_complete=True)

    def read(self, file: FoundFile, bytes_max: int) -> FileContent:
        """The bytes of one blob."""
        if file.size > bytes_max:
            raise DocumentRejected(f"the file has {file.size // _MB} MB; the limit is {bytes_max // _MB} MB: split it")
        with self._patience.fetching():
            try:
                content = self._git("cat-file", "blob", file.version, output_bytes=bytes_max).output
            except SourceUnavailable as error:
                raise FileUnavailable(f"not fetched: {error}") from error
        return FileContent(content, None)

    def close(self) -> None:
        """Remove what was fetched."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _files(self, listed: bytes) -> Iterator[FoundFile]:
        count = 0
        for line in listed.split(b"\0"):
            about, tab, name = line.partition(b"\t")
            fields, place = about.decode("ascii", "replace").split(), os.fsdecode(name)
            if not tab or len(fields) != _FIELDS or any(part.startswith(".") for part in place.split("/")):
                continue
            count += 1
            if count > FILES_MAX:
                raise SourceUnavailable(f"the repository has over {FILES_MAX} files; divide it")
            mode, _, blob, size = fields
            problem = {
                _LINK: "this is a symbolic link, which is not followed",
                _SUBMODULE: "this is another repository, which is not followed; add it as a source",
            }.get(mode)
            yield FoundFile(
                ELSEWHERE, place, shown_name(place), problem, version=blob, size=int(size) if size.isdecimal() else 0
            )

    def _git(self, *arguments: str, is_signed: bool = False, output_bytes: int = LISTING_BYTES_MAX) -> Ended:
        settings = [*_SETTINGS, *self._authority()]
        command = ["git", *(part for setting in settings for part in ("-c", setting)), *arguments]
        bounds = Bounds(MEMORY_KIB_MAX, PACK_KIB_MAX, output_bytes)
        secret = self._secret() if is_signed else b""
        ended = run_bounded(command, self._folder, self._environment(), bounds, self._patience, secret)
        if ended.code:
            raise SourceUnavailable(_sentence(ended))
        return ended

    def _authority(self) -> list[str]:
        return [f"http.sslCAInfo={self._options['ca_file']}"] if "ca_file" in self._options else []

    def _secret(self) -> bytes:
        if not self._credentials.secret:
            return b""
        return f"username={self._credentials.user or 'token'}\npassword={self._credentials.secret}\n".encode()

    def _environment(self) -> dict[str, str]:
        scheme = self._address.partition("://")[0]
        return {
            "PATH": os.defpath,
            "HOME": str(self._folder),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": scheme,
            "GIT_DIR": str(self._folder),
        }


def _sentence(ended: Ended) -> str:
    """What went wrong, in words of ours: git's own may quote what a server says."""
    for words, sentence in _SENTENCES:
        if words in ended.complaint:
            return sentence
    return f"git ended with {ended.code}: see that this is the address of a repository, small enough, and may be read"
