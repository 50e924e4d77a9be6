"""Names of people and groups: how they are shown, and what makes two of them one."""

import unicodedata

from security.errors import NameRefused
from security.identity import OPERATOR

NAME_CHARACTERS_MAX = 200


def folded(name: str) -> str:
    """What names are compared by: case, width and the number of spaces do not matter."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def checked_name(name: str, whose: str) -> str:
    """The name as it is shown. Raises NameRefused; `whose` says of what it is the name."""
    shown = " ".join(unicodedata.normalize("NFC", name).split())
    if not shown or len(shown) > NAME_CHARACTERS_MAX or not shown.isprintable():
        raise NameRefused(f"a {whose} name has 1 to {NAME_CHARACTERS_MAX} printable characters; choose another")
    if folded(shown) == OPERATOR.user_id:
        raise NameRefused(f"the name {OPERATOR.user_id} belongs to the command line; choose another")
    return shown
