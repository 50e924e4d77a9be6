"""Requests signed as S3 asks for it: AWS Signature Version 4, over a request without a body.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from security.withheld import Withheld

_METHOD = "AWS4-HMAC-SHA256"
_SERVICE = "s3"
_LAST = "aws4_request"
_NOTHING = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class AccessKey:
    """Who signs, with what, for the servers of which region."""

    id: str
    secret: Withheld
    region: str


def canonical_query(query: Mapping[str, str]) -> str:
    """Names and values as they are signed and sent: by name, everything but letters, digits and -._~ as %XX."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items()))


def signed_headers(method: str, host: str, path: str, query: str, key: AccessKey, at: datetime) -> dict[str, str]:
    """The headers that make a request one of this key, for 15 minutes from `at` (UTC). Path and query are as sent."""
    headers = {"host": host, "x-amz-content-sha256": _NOTHING, "x-amz-date": at.strftime("%Y%m%dT%H%M%SZ")}
    names = ";".join(headers)
    lines = (method, path, query, *(f"{name}:{value}" for name, value in headers.items()), "", names, _NOTHING)
    scope = (headers["x-amz-date"][:8], key.region, _SERVICE, _LAST)
    request = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    wanted = "\n".join((_METHOD, headers["x-amz-date"], "/".join(scope), request))
    signature = _digest(_signing_key(key, scope), wanted).hex()
    credential = "/".join((key.id, *scope))
    said = f"{_METHOD} Credential={credential},SignedHeaders={names},Signature={signature}"
    return {**headers, "authorization": said}


def _signing_key(key: AccessKey, scope: tuple[str, ...]) -> bytes:
    made = f"AWS4{key.secret}".encode()
    for part in scope:
        made = _digest(made, part)
    return made


def _digest(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
