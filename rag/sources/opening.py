"""From a source's record to the source, its address checked against what IT listed."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rag.errors import SourceRefused
from rag.sources import cluster, git, imap, kafka, s3, webdav, website
from rag.sources.addresses import web_address
from rag.sources.folder import FolderSource
from rag.sources.mapped import MappedFolder
from rag.sources.patience import Patience
from rag.sources.record import (
    EVERY_MINUTES_MAX,
    RIGHTS_MAX,
    SECRET_CHARACTERS_MAX,
    TEXT_CHARACTERS_MAX,
    WATCH,
    Credentials,
    SourceKind,
    SourceRecord,
)
from rag.sources.rights import Reader, gid_of
from rag.sources.signing import AccessKey
from rag.sources.source import Source
from rag.sources.transport import Http, tls_context
from security.egress import AllowedEntry


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a source is opened in: the addresses that may be reached, a memory-backed folder, and its patience.

    `first` are places in a folder that are known to have changed. `readers` gives everybody who may read the
    collection, for a folder whose rights are mapped.
    """

    allowed: tuple[AllowedEntry, ...]
    memory_dir: Path
    patience: Patience
    first: frozenset[str] = frozenset()
    readers: Callable[[], tuple[Reader, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """How sources of a kind are opened and which options they take."""

    options: frozenset[str]
    check: Callable[[SourceRecord, Iterable[AllowedEntry]], None]
    open: Callable[[SourceRecord, Surroundings], Source]


def check_source(record: SourceRecord, allowed: Iterable[AllowedEntry]) -> None:
    """Raise SourceRefused for a source that would not be opened, with what to do."""
    unknown = sorted(set(record.options) - WAYS[record.kind].options)
    if unknown:
        raise SourceRefused(f"a source of kind {record.kind} takes no {', '.join(unknown)}; see docs/commands.md")
    if not 0 <= record.every_minutes <= EVERY_MINUTES_MAX:
        raise SourceRefused(f"a schedule is 1 to {EVERY_MINUTES_MAX} minutes, or 0 for none")
    texts = (record.address, record.credentials.user, *record.options.values())
    is_short = all(len(text) <= TEXT_CHARACTERS_MAX and text.isprintable() for text in texts)
    secret = record.credentials.secret
    if not is_short or len(secret) > SECRET_CHARACTERS_MAX or not secret.isprintable():
        raise SourceRefused(f"an address, a name, a secret is one line of {TEXT_CHARACTERS_MAX} characters at most")
    if record.rights and record.kind is not SourceKind.FOLDER:
        raise SourceRefused("rights are mapped of a folder alone; no other kind of source tells them")
    WAYS[record.kind].check(record, allowed)


def open_source(record: SourceRecord, around: Surroundings) -> Source:
    """The source. Raises SourceRefused for an address that is not listed (any more)."""
    check_source(record, around.allowed)
    return WAYS[record.kind].open(record, around)


def _check_folder(record: SourceRecord, _allowed: Iterable[AllowedEntry]) -> None:
    if not Path(record.address).is_absolute():
        raise SourceRefused("a folder is named by its whole path, such as /mnt/share/contracts")
    if record.options.get("watch", WATCH) != WATCH:
        raise SourceRefused(f"a folder is watched ({WATCH}) or not")
    if len(record.rights) > RIGHTS_MAX:
        raise SourceRefused(f"at most {RIGHTS_MAX} groups of a folder are mapped")
    for group, _ in record.rights:
        gid_of(group)


def _open_folder(record: SourceRecord, around: Surroundings) -> Source:
    if not record.rights:
        return FolderSource(Path(record.address), around.first)
    if around.readers is None:
        raise SourceRefused("who reads the collection is not known, so that no right can be compared")
    return MappedFolder(Path(record.address), around.readers, around.first)


def _check_web(record: SourceRecord, allowed: Iterable[AllowedEntry]) -> None:
    web_address(record.address, allowed)


def _open_webdav(record: SourceRecord, around: Surroundings) -> Source:
    address = web_address(record.address, around.allowed)
    http = Http(address, record.credentials, record.options.get("ca_file", ""), around.patience)
    return webdav.WebDav(record.name, address, http)


def _check_imap(record: SourceRecord, allowed: Iterable[AllowedEntry]) -> None:
    imap.address_of(record.address, allowed)
    if not (record.credentials.user and record.credentials.secret):
        raise SourceRefused("a mailbox wants a name and a password: --user, and --secret-file or --secret-stdin")


def _open_imap(record: SourceRecord, around: Surroundings) -> Source:
    address = imap.address_of(record.address, around.allowed)
    context = tls_context(record.options.get("ca_file", "")) if address.scheme == "imaps" else None
    return imap.Mailbox(record.name, address, record.credentials, context, around.patience)


def _check_git(record: SourceRecord, allowed: Iterable[AllowedEntry]) -> None:
    git.check_address(record.address, allowed)
    git.check_branch(record.options.get("branch", ""))


def _open_git(record: SourceRecord, around: Surroundings) -> Source:
    return git.GitRepository(
        record.name, record.address, record.options, record.credentials, around.memory_dir, around.patience
    )


def _open_sitemap(record: SourceRecord, around: Surroundings) -> Source:
    address = web_address(record.address, around.allowed)
    http = Http(address, record.credentials, record.options.get("ca_file", ""), around.patience)
    return website.Website(record.name, address, http)


def _check_s3(record: SourceRecord, allowed: Iterable[AllowedEntry]) -> None:
    s3.address_of(record.address, allowed)
    s3.check_region(record.options.get("region", s3.REGION))
    if not (record.credentials.user and record.credentials.secret):
        raise SourceRefused(
            "a bucket wants the id of a key and its secret: --user, and --secret-file or --secret-stdin"
        )


def _open_s3(record: SourceRecord, around: Surroundings) -> Source:
    address = s3.address_of(record.address, around.allowed)
    key = AccessKey(record.credentials.user, record.credentials.secret, record.options.get("region", s3.REGION))
    http = Http(address, Credentials(), record.options.get("ca_file", ""), around.patience, s3.sentence_of)
    return s3.Bucket(record.name, address, key, http)


def _check_kafka(record: SourceRecord, allowed: Iterable[AllowedEntry]) -> None:
    kafka.address_of(record.address, allowed)
    kafka.check_sign_in(record.credentials, record.options.get("mechanism", ""))


def _open_kafka(record: SourceRecord, around: Surroundings) -> Source:
    address = kafka.address_of(record.address, around.allowed)
    context = tls_context(record.options.get("ca_file", "")) if address.scheme == "kafkas" else None
    access = cluster.Access(around.allowed, record.credentials, record.options.get("mechanism", ""), context)
    brokers = cluster.Cluster(address, kafka.topic_of(address), access, around.patience)
    return kafka.Topic(record.name, brokers, around.patience)


WAYS: Mapping[SourceKind, Way] = {
    SourceKind.FOLDER: Way(frozenset({"watch"}), _check_folder, _open_folder),
    SourceKind.WEBDAV: Way(frozenset({"ca_file"}), _check_web, _open_webdav),
    SourceKind.IMAP: Way(frozenset({"ca_file"}), _check_imap, _open_imap),
    SourceKind.GIT: Way(frozenset({"ca_file", "branch"}), _check_git, _open_git),
    SourceKind.S3: Way(frozenset({"ca_file", "region"}), _check_s3, _open_s3),
    SourceKind.SITEMAP: Way(frozenset({"ca_file"}), _check_web, _open_sitemap),
    SourceKind.KAFKA: Way(frozenset({"ca_file", "mechanism"}), _check_kafka, _open_kafka),
}
