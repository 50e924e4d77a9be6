"""What the chat view reads when it starts: features off unless used, our colours, our words. Written to memory anew."""

import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

from chat.texts import texts
from rag.answering.answer import Language

_SETTINGS = """
[project]
user_session_timeout = 300
session_timeout = 600
allow_origins = []
[features]
unsafe_allow_html = false
latex = false
user_message_markdown = false
edit_message = false
allow_thread_sharing = false
[features.spontaneous_file_upload]
enabled = false
[features.audio]
enabled = false
[features.mcp]
enabled = false
[UI]
name = "Huis Clos"
cot = "full"
confirm_new_chat = false
custom_css = "/static/chat.css"
custom_js = "/static/chat.js"
default_avatar_file_url = "/static/logo.svg"
[meta]
generated_by = "2.12.0"
"""
_PUBLIC = Path(__file__).parent / "public"
_TAGS = {Language.ENGLISH: "en-US", Language.FRENCH: "fr-FR"}
_FONTS = {"--font-sans": "system-ui, sans-serif", "--font-mono": "ui-monospace, monospace"}
_LIGHT = {
    "--background": "48 20% 98%",
    "--foreground": "213 30% 13%",
    "--card": "0 0% 100%",
    "--popover": "0 0% 100%",
    "--primary": "169 44% 22%",
    "--primary-foreground": "0 0% 100%",
    "--secondary": "48 14% 94%",
    "--muted": "48 14% 93%",
    "--muted-foreground": "213 12% 36%",
    "--destructive": "0 72% 38%",
    "--accent": "48 14% 92%",
    "--border": "50 10% 85%",
    "--input": "50 10% 85%",
    "--ring": "169 44% 22%",
    "--sidebar-background": "48 14% 95%",
    "--sidebar-foreground": "213 30% 13%",
    "--sidebar-accent": "48 14% 90%",
}
_DARK = {
    "--background": "210 17% 10%",
    "--foreground": "44 14% 90%",
    "--card": "210 15% 14%",
    "--popover": "210 15% 14%",
    "--primary": "164 37% 63%",
    "--primary-foreground": "165 30% 8%",
    "--secondary": "210 14% 17%",
    "--muted": "210 13% 20%",
    "--muted-foreground": "210 8% 71%",
    "--destructive": "0 80% 74%",
    "--destructive-foreground": "0 60% 10%",
    "--accent": "210 13% 18%",
    "--border": "210 11% 26%",
    "--input": "210 11% 26%",
    "--ring": "164 37% 63%",
    "--sidebar-background": "210 19% 8%",
    "--sidebar-foreground": "44 14% 90%",
    "--sidebar-accent": "210 15% 15%",
}


def write_configuration(folder: Path) -> None:
    """Fill the view's folder (memory-backed) and name it, with a secret of this process, in the environment.

    Must run before chainlit is imported: it reads all of it then.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / ".chainlit").mkdir(parents=True, mode=0o700)
    (folder / "public").mkdir(mode=0o700)
    for path in _PUBLIC.iterdir():
        shutil.copyfile(path, folder / "public" / path.name)  # without the modes of the checkout
    (folder / ".chainlit" / "config.toml").write_text(_SETTINGS.strip())
    theme = {"custom_fonts": [], "variables": {"light": _LIGHT | _FONTS, "dark": _DARK | _FONTS}}
    (folder / "public" / "theme.json").write_text(json.dumps(theme))
    for name in ("chainlit.md", *(f"chainlit_{tag}.md" for tag in _TAGS.values())):
        (folder / name).write_text("")
    os.environ.update(
        CHAINLIT_APP_ROOT=str(folder),
        CHAINLIT_CUSTOM_AUTH="1",
        CHAINLIT_AUTH_SECRET=secrets.token_hex(32),
        CHAINLIT_COOKIE_SAMESITE="strict",
    )


def write_translations(folder: Path, originals: Path) -> None:
    """French and English with our words in them, and no other language: the rest of the page has no other either."""
    target = folder / ".chainlit" / "translations"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for language, tag in _TAGS.items():
        translation = json.loads((originals / f"{tag}.json").read_text())
        for name, text in texts(language)["view"].items():
            _put(translation, name.split("."), text)
        (target / f"{tag}.json").write_text(json.dumps(translation, ensure_ascii=False))


def _put(tree: dict[str, Any], path: list[str], text: str) -> None:
    for part in path[:-1]:
        tree = tree[part]
    if path[-1] not in tree:
        raise KeyError(f"the chat view has no text {'.'.join(path)}; correct chat/locales")
    tree[path[-1]] = text
