"""The result of a task for people at a terminal."""

from collections.abc import Mapping
from typing import Any

from chat.admin.output import UNWRITTEN, Event, note, place, say

_TROUBLES = {
    "too_long": "that is too long: ask more briefly",
    "empty": "name the words to look for: what was given tells nothing",
    "nothing_found": "no document says that",
    "filtered_out": "no document matches the filter: widen it",
    "unready": "the words of the index are still being read after the start; try again in a minute",
    "too_common": "too many passages hold these words: name a rarer phrase",
    "no_such_document": "no document is named so; name it by words of its title or path",
    "which_document": "several documents are named so; run the command again with --pick and a number:",
    "two_wanted": "name two documents, with a semicolon between them",
    "nothing_shared": "nothing was found that both documents speak of; say after a colon what to compare",
    "no_such_page": "the document has no such page, or nothing is written on it",
    "not_said": "the documents do not say enough for a reply",
    "not_allowed": "answers without documents are not allowed: see answering.without_documents in docs/settings.md",
    "stopped": "stopped",
    **UNWRITTEN,
}
_NOTES = {"same_words": "the same words", "other_figures": "other figures"}


def show_work(work: Event) -> None:
    """Sections with their lines, each with where it stands."""
    if work["filter"]:
        note("only documents that come through the filter")
    if work["trouble"]:
        note(_TROUBLES[work["trouble"]])
        for number, item in enumerate(work["candidates"], 1):
            note(f"  {number}. {item['title']} ({item['doc']})")
        return
    if work["kind"] == "ungrounded":
        say("Without documents: nothing of this is verified.")
    if work["is_extract"]:
        note("longer than the model reads in time: these are sentences of the document")
    for section in work["sections"]:
        _show_section(section, work)
    if work["task"] == "list":
        note(f"{work['total']} documents" + (f", {work['more']} of them not shown" if work["more"] else ""))


def _show_section(section: Event, work: Event) -> None:
    cited = {citation["n"]: citation for citation in work["citations"]}
    heading = section["heading"] + (f" ({_NOTES[section['note']]})" if section["note"] else "")
    if heading:
        say(heading)
    for column, line in enumerate(section["lines"]):
        named = f"{work['documents'][column]['title']}: " if work["task"] == "compare" else ""
        say(f"  {named}{_line(line, cited) if line else 'nothing'}")
    if section["more"]:
        say(f"  and {section['more']} more passages")


def _line(line: Mapping[str, Any], cited: Mapping[int, Event]) -> str:
    text = " ".join(line["text"].split())
    places = "".join(f" [{number}: {place(cited[number])}]" for number in line["citations"])
    match line["standing"]:
        case "quoted":
            return f"« {text} »{places}"
        case "unchecked":
            return f"{text} [{_doubted(line)}]{places}"
    return f"{text}{places}"


def _doubted(line: Mapping[str, Any]) -> str:
    """Why a line is not verified: what it says that its source does not; of a translation, also what it leaves out."""
    told = [f"{why['doubt']} {why['text']}" for why in line["why"] if why["text"]]
    lost = [f"without {why['doubt']} {why['text']}" for why in line["lost"]]
    return ": ".join(filter(None, ("not verified", ", ".join((*told, *lost)))))
