"""A bucket of an S3-compatible server (MinIO, Ceph, Garage, Scaleway, AWS), or what lies in it under a prefix.

Addressed by path, listed with ListObjectsV2. Of the protocol a list and a read are needed, which pass through
`transport` like those of other servers; each is signed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote_plus

from rag.errors import DocumentRejected, SourceRefused, SourceUnavailable
from rag.folders import ELSEWHERE, FileContent, FoundFile, Survey, shown_name
from rag.sources.addresses import Address, path_of, web_address
from rag.sources.elements import Layout, Record, read_records, size_of
from rag.sources.patience import LISTING_SECONDS_MAX
from rag.sources.signing import AccessKey, canonical_query, signed_headers
from rag.sources.transport import Http, body, fetched
from rag.sources.versions import http_date
from security.clock import Clock, utc_now
from security.egress import AllowedEntry

FILES_MAX = 200_000
PAGE_KEYS = 1000
PAGES_MAX = 2 * FILES_MAX // PAGE_KEYS
"""Servers may give fewer keys a page than they are asked for."""

LISTING_BYTES_MAX = 8 * 1024 * 1024
"""Of one page: 1,000 keys of 1,024 bytes, each byte written as %XX, twice."""

REGION = "us-east-1"
"""What MinIO and Ceph expect where nobody said otherwise."""

_MB = 1024 * 1024
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_REGION = re.compile(r"[A-Za-z0-9-]{1,64}")
_BROKEN = "the server's listing is not what S3 says (ListObjectsV2); look at its address"
_LISTING = Layout(
    frozenset({"ListBucketResult"}),
    {
        "ListBucketResult": frozenset({"IsTruncated", "NextContinuationToken", "EncodingType"}),
        "Contents": frozenset({"Key", "ETag", "Size"}),
    },
    _BROKEN,
)
_ERROR = Layout(frozenset({"Error"}), {"Error": frozenset({"Code"})}, _BROKEN)
_CREDENTIALS = "the server refuses these credentials; add the source again with others"
_REGIONS = "the server expects another region: add the source again with --region"
_SENTENCES = {
    "NoSuchBucket": "the server has no such bucket; look at the address",
    "NoSuchKey": "the object is gone",
    "InvalidAccessKeyId": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "AccessDenied": "this key may not do that: give it the rights to list the bucket and to read its objects",
    "RequestTimeTooSkewed": "the clocks of this machine and of the server differ by over 15 minutes; set them right",
    "AuthorizationHeaderMalformed": _REGIONS,
    "InvalidRegion": _REGIONS,
}


def address_of(text: str, allowed: Iterable[AllowedEntry]) -> Address:
    """The address of a bucket, listed and sealed on the way. Raises SourceRefused."""
    address = web_address(text, allowed)
    if not address.segments or not _BUCKET.fullmatch(address.segments[0]):
        raise SourceRefused("a bucket is named https://HOST/BUCKET/PREFIX/, the prefix only where not all is meant")
    return address


def check_region(name: str) -> None:
    """Raise SourceRefused for what is no name of a region."""
    if not _REGION.fullmatch(name):
        raise SourceRefused("a region is named by letters, digits and -, such as fr-par")


def sentence_of(content: bytes) -> str:
    """What an error means, in words of ours; empty where its code says nothing to an operator."""
    try:
        (error,) = read_records([content], _ERROR, 1)
    except SourceUnavailable:
        return ""
    return _SENTENCES.get(error.fields.get("Code", ""), "")


@dataclass(frozen=True, slots=True)
class _Page:
    """A part of a listing, and what the next one is asked for with; empty after the last."""

    objects: tuple[Record, ...]
    is_encoded: bool
    following: str


class Bucket:
    """The objects of a bucket under a prefix, as files in folders."""

    def __init__(self, name: str, address: Address, key: AccessKey, http: Http, clock: Clock = utc_now) -> None:
        self._name, self._http, self._key, self._clock = name, http, key, clock
        self._host = address.host_header
        bucket, *folders = address.segments
        self._bucket = bucket
        self._prefix = "".join(f"{folder}/" for folder in folders)

    def survey(self) -> Survey:
        """Every object under the prefix, hidden ones left out. Raises SourceUnavailable."""
        files: dict[str, FoundFile] = {}
        with self._http.patience.within(LISTING_SECONDS_MAX):
            problem = self._fill(files)
        if problem:
            files["/"] = FoundFile(ELSEWHERE, "/", "/", f"{problem}. Nothing of it was forgotten")
        return Survey(self._name, tuple(files[place] for place in sorted(files)), is_complete=not problem)

    def read(self, file: FoundFile, bytes_max: int) -> FileContent:
        """The bytes of one object."""
        if file.size > bytes_max:
            raise DocumentRejected(f"the file has {file.size // _MB} MB; the limit is {bytes_max // _MB} MB: split it")
        path = path_of((self._bucket, *f"{self._prefix}{file.place}".split("/")))
        content, headers = fetched(self._http, path, bytes_max, self._signed(path, ""))
        return FileContent(content, http_date(headers.get("last-modified", "")))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _fill(self, files: dict[str, FoundFile]) -> str:
        """Put every object under its place; gives what is wrong with the listing, or nothing."""
        following, problem = "", ""
        for _ in range(PAGES_MAX):
            page = self._page(following)
            for record in page.objects:
                key = _key(record, is_encoded=page.is_encoded)
                if not key.startswith(self._prefix):
                    problem = "the server lists objects that are not under the prefix; they were left out"
                elif not _is_passed_over(key.removeprefix(self._prefix), record):
                    found = _found(key.removeprefix(self._prefix), record)
                    files.setdefault(found.place, found)
            following = page.following
            if not following or len(files) > FILES_MAX:
                break
        is_over = following or len(files) > FILES_MAX
        return f"the source has over {FILES_MAX} files; divide it" if is_over else problem

    def _page(self, following: str) -> _Page:
        query = {"list-type": "2", "max-keys": str(PAGE_KEYS), "encoding-type": "url", "prefix": self._prefix}
        said = canonical_query(query | ({"continuation-token": following} if following else {}))
        path = path_of((self._bucket,))
        with self._http.answer("GET", f"{path}?{said}", self._signed(path, said)) as answer:
            *objects, whole = read_records(body(answer, LISTING_BYTES_MAX), _LISTING, FILES_MAX + 1)
        is_last = whole.fields.get("IsTruncated", "false") != "true"
        token = "" if is_last else whole.fields.get("NextContinuationToken", "")
        if not is_last and not token:
            raise SourceUnavailable(_BROKEN)
        return _Page(tuple(objects), whole.fields.get("EncodingType") == "url", token)

    def _signed(self, path: str, query: str) -> dict[str, str]:
        return signed_headers("GET", self._host, path, query, self._key, self._clock())


def _key(record: Record, *, is_encoded: bool) -> str:
    if "Key" not in record.fields:
        raise SourceUnavailable(_BROKEN)
    key = record.fields["Key"]
    return unquote_plus(key, errors="surrogateescape") if is_encoded else key


def _is_passed_over(place: str, record: Record) -> bool:
    """Whether an object stands for a folder, or is hidden."""
    is_folder = (not place or place.endswith("/")) and not size_of(record.fields.get("Size", ""))
    return is_folder or any(part.startswith(".") and part not in (".", "..") for part in place.split("/"))


def _found(place: str, record: Record) -> FoundFile:
    size = size_of(record.fields.get("Size", ""))
    etag = record.fields.get("ETag", "")
    problem = None
    if "\0" in place or {"", ".", ".."} & set(place.split("/")):
        problem = "a part of its key is empty, . or .., as in no file's path: servers on the way change it; rename it"
    return FoundFile(ELSEWHERE, place, shown_name(place), problem, version=f"{etag} {size}" if etag else "", size=size)
