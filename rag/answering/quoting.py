"""Text that others wrote, as the prompt quotes it: it can write neither our marks, nor a turn, nor a control token.

Looked for is what a model may read as a mark, not its bytes alone: brackets and letters of other alphabets, of full
width or with accents, and with unseen characters between them (Unicode Technical Standard 39). What is found keeps its
words; the one character that made it a mark becomes another, of which no mark can arise.
"""

import re
import unicodedata
from collections.abc import Iterator

from models.chat_format import FORMATS

OPENED, SAID = "(", "-"
"""What the bracket of a mark and the colon after a role become."""

_LETTERS = {
    "a": "аɑαᴀ",
    "b": "ьвβʙ",
    "c": "сϲᴄ",
    "d": "ԁɗᴅ",
    "e": "еҽєᴇε℮",
    "g": "ɡցɢ",
    "h": "һհнʜη",
    "i": "іıɩι",
    "k": "кκᴋ",
    "l": "ӏʟ",
    "m": "мᴍμ",
    "n": "ոпɴν",
    "o": "оοօᴏ",
    "p": "рρᴘ",
    "q": "ԛ",
    "r": "гʀᴦ",
    "s": "ѕꜱ",
    "t": "тτᴛ",
    "u": "սυᴜ",
    "v": "ѵᴠ",
    "w": "ԝѡᴡ",
    "x": "хχ",
    "y": "уүγʏ",
    "z": "ᴢζ",
}
_SIGNS = {
    "<": "<‹〈⟨〈❬❮❰⟪《≪⋖≺˂ᐸ",
    ">": ">›〉⟩〉❭❯❱⟫》≫⋗≻˃ᐳ",
    "[": "[⁅⟦【〖〔❲",
    "]": "]⁆⟧】〗〕❳",
    "/": "/\\⁄∕⧸╱⟋⧵∖",
    "|": "|¦ǀ∣│┃❘❙",
    ":": ":∶ː˸꞉ꓽ։׃፡",
    "_": "_▁‗",
}
_ALIKE = {other: sign for table in (_LETTERS, _SIGNS) for sign, others in table.items() for other in others}
_UNSEEN = "\0"
_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_BLANK = "\u115f\u1160\u3164\uffa0\u2800"
"""Fillers that are letters or signs to Unicode and nothing to the eye."""


class _Seen(dict[int, str]):
    """A character to what it looks like: one of ours, a space, a line's end, nothing, or a letter or sign like none."""

    def __missing__(self, code: int) -> str:
        self[code] = seen = _seen(chr(code))
        return seen


def _seen(character: str) -> str:
    if character in _BREAKS:
        return "\n"
    if character.isspace():
        return " "
    if character in _BLANK or unicodedata.category(character) in ("Cc", "Cf", "Mn", "Me"):
        return _UNSEEN
    first = unicodedata.normalize("NFKD", character)[0].lower()[0]
    alike = _ALIKE.get(first, first)
    if alike.isascii() and (alike.isalpha() or alike in _SIGNS):
        return alike
    return "0" if first.isalnum() else "."


_seen_as = _Seen()
_ROLES = (
    *("question", "system", "systeme", "assistant", "assistante", "chatbot", "developer", "developpeur"),
    *("user", "utilisateur", "utilisatrice", "human", "humain"),
)
_CONTROLS = ("system", "user", "assistant", "sys", "tools", "tool_call", "tool_response", "eos", "unk", "pad")
_CALLS = ("available_tools", "tool_calls", "tool_results", "tool_content")


def _written(opening: str) -> Iterator[str]:
    """The names between brackets of that kind in the formats that conversations are laid out by."""
    for layout in FORMATS.values():
        for text in (layout.begin, layout.reply, *(part for turn in layout.turns.values() for part in turn)):
            yield from re.findall(rf"\{opening}/?(\w+)[>\]]", text.lower())


def _any(names: Iterator[str] | tuple[str, ...]) -> str:
    """A pattern of the names, longest first, with what cannot be seen between their letters."""
    spelled = sorted(set(names), key=len, reverse=True)
    return "|".join(rf"{_UNSEEN}*+".join(map(re.escape, name)) for name in spelled)


_END = rf"[ \n{_UNSEEN}/]*+"
_MARKS = (
    re.compile(
        rf"<[< \n{_UNSEEN}/]*+(?P<name>\||{_any(('passage',))}|(?:{_any((*_written('<'), *_CONTROLS))}){_END}>)?"
    ),
    re.compile(rf"\[[\[ \n{_UNSEEN}/]*+(?P<name>(?:{_any((*_written('['), *_CALLS))}){_END}\])?"),
)
"""A run of brackets is taken whole, mark or not, so that the cost grows with the text and not faster."""
_TURN = re.compile(rf"(?:\A|(?<=\n))[ {_UNSEEN}.<>\[\]/|_]*+(?:{_any(_ROLES)})(?=(?P<colons>[ \n{_UNSEEN}.>\])/_:]*+))")
"""What follows the role is looked at and not taken: a line's end in it may begin another turn."""


def quoted(text: str) -> str:
    """The text, as long as before, in which no look-alike of a mark, or of a role at the start of a line, is one."""
    seen, letters = text.translate(_seen_as), list(text)
    for mark in _MARKS:
        for found in mark.finditer(seen):
            if found["name"]:
                opening = (place for place in range(found.start(), found.start("name")) if seen[place] in "<[")
                for place in opening:
                    letters[place] = OPENED
    for found in _TURN.finditer(seen):
        for place in range(*found.span("colons")):
            letters[place] = SAID if seen[place] == ":" else letters[place]
    return "".join(letters)
