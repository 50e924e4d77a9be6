"""The chat view's page as we serve it: nothing asked for elsewhere, and a policy that names its two inline scripts."""

import base64
import hashlib
import re
from html import escape

from rag.answering.answer import Language

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.S)
_OUTSIDE = re.compile(r"<link\b[^>]*https://[^>]*>\s*", re.S)
_OUTSIDE_META = re.compile(r'<meta property="og:(?:image|url)"[^>]*>\s*')


_HEADING = '<header class="sr-only"><h1>Huis Clos</h1></header>'
_NAMES = '<script type="module" src="/static/names.js"></script>'


def clean_page(page: str, root: str) -> str:
    """The page without outside addresses, with our own assets at their place, and with what screen readers need.

    `<meta property="og:root_path">` stays: the view does not work without it.
    """
    inside = _OUTSIDE_META.sub("", _OUTSIDE.sub("", page))
    inside = inside.replace("</head>", f"{_NAMES}</head>", 1).replace("<body>", f"<body>{_HEADING}", 1)
    return inside.replace(f'href="{root}/static/', 'href="/static/').replace(f'src="{root}/static/', 'src="/static/')


def in_language(page: str, language: Language, owned: str = "") -> str:
    """The page with its language said, for screen readers, and what the link to their collections says to an owner."""
    told = f' data-owned="{escape(owned)}"' if owned else ""
    return page.replace('<html lang="en">', f'<html lang="{language.value}"{told}>', 1)


def content_policy(page: str) -> str:
    """The Content-Security-Policy: our own files, and the inline scripts of the page by their hashes."""
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in _SCRIPT.findall(page))
    return (
        f"default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; "
        "media-src 'self' blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
        "frame-ancestors 'none'; form-action 'self'; base-uri 'none'; object-src 'none'"
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
