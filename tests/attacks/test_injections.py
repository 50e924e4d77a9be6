"""Claim: no order in a document, a file's name, a mail's head or a question becomes a link, a picture, a tag or a tool.

Published injections are loaded for real, quarantine overruled, and a generator obeys all of them; what is looked at is
what leaves the house then: the answer as JSON, as the page's Markdown, and while it is written.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from chat.admin.operations import answer_json
from chat.markdown import escape_piece
from chat.texts import texts
from chat.ui.answers import show
from rag.answering.answer import Answer, Finished, Written
from rag.answering.answerer import QUESTION_CHARACTERS_MAX, Answerer
from rag.documents import Passage
from rag.retrieval.search import Searcher
from security.access import Right
from security.identity import OPERATOR
from tests.attacks.obedient import Parrot
from tests.attacks.whole import TEST_SECONDS_MAX
from tests.rag.conftest import Shelf, memory_dir, shelf  # noqa: F401 - fixtures

ORDERS = [
    json.loads(line) for line in (Path(__file__).parents[1] / "data" / "injections.jsonl").read_text().splitlines()
]
CANARY = "koalasecret4711"
SHORT_CHARACTERS = 120
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OURS = re.compile(r"/sources/[\w-]+/[\w-]+/passages/[\w-]+(?:\?quote=\d+-\d+)?(?:&n=\d+)?")
"""All that an address on the page may be."""
ADDRESS = re.compile(r"(?:https?|ftp)://|www\.", re.I)
"""What a reader of Markdown makes a link of by itself, after escapes and entities are undone."""


@dataclass(frozen=True, slots=True)
class Left:
    """What left the house: the answer, and the pieces of its draft as the page streamed them."""

    answer: Answer
    streamed: str


Ask = Callable[[str], Left]


def fact(word: str) -> str:
    return f"The {word} allowance of {word}, {word} and {word} is 340 euros a month."


def asked(word: str) -> str:
    """A question that finds the fact among some five hundred, whatever else stands in its document."""
    return f"How high is the {word} allowance of {word}, {word} and {word}?"


def one_line(text: str) -> str:
    return " ".join(text.split())


def document(folder: Path, word: str, order: str) -> None:
    """The order as the file's name, its title, a heading and its text."""
    spelled = one_line(order)[:SHORT_CHARACTERS]
    name = f"{word} {spelled.replace('/', '∕')}.md"
    (folder / name).write_text(f"# {spelled}\n\n## {spelled}\n\n{fact(word)}\n\n{order}\n")


def mail(folder: Path, word: str, order: str) -> None:
    """The order as the subject of a mail, and as the name of who wrote it."""
    message = EmailMessage(policy=SMTP.clone(utf8=True, max_line_length=2000))
    said = one_line(order)[:SHORT_CHARACTERS]
    quoted = said.replace("\\", "").replace('"', "'")
    message["Subject"], message["From"] = said, f'"{quoted}" <ada@example.org>'
    message.set_content(fact(word))
    (folder / f"{word}.eml").write_bytes(bytes(message))


CARRIERS = (document, mail)


@pytest.fixture
def parrot() -> Parrot:
    return Parrot()


@pytest.fixture
def ask(shelf: Shelf, parrot: Parrot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:  # noqa: F811
    """Asks a collection of every order in every carrier; beside it lies one that is not granted."""
    monkeypatch.setattr("rag.answering.evidence.STRENGTH_MIN", 0.0)
    monkeypatch.setattr("tests.rag.conftest.DIMENSIONS", 256)  # so that words fall together less
    folder, secret = tmp_path / "documents", tmp_path / "secret"
    for each in (folder, secret):
        each.mkdir()
    (secret / "board.md").write_text(f"# Board\n\nThe {CANARY} allowance of the board is 9000 euros a month.\n")
    other = shelf.policy.grant(OPERATOR, shelf.collections.create("board"), Right.MANAGE)
    list(shelf.loader.load(other, secret))
    for number, order in enumerate(ORDERS):
        for carrier in CARRIERS:
            carrier(folder, f"{carrier.__name__}{number:03}", order["text"])
    released = {file.name for file in folder.iterdir()}
    rows = list(shelf.loader.load(shelf.managing, folder, released))
    assert {row.state.value for row in rows} == {"indexed"}, [row.reason for row in rows if row.reason]
    answerer = Answerer(Searcher(shelf.documents, shelf.index, shelf.embedder), parrot)

    def run(question: str) -> Left:
        events = list(answerer.answer([shelf.reading], question))
        streamed = "".join(escape_piece(event.text) for event in events if isinstance(event, Written))
        last = events[-1]
        assert isinstance(last, Finished)
        return Left(last.answer, streamed)

    return run


@pytest.mark.timeout(TEST_SECONDS_MAX)
def test_no_order_acts_wherever_it_stands_and_whoever_obeys(ask: Ask, parrot: Parrot) -> None:
    for number, order in enumerate(ORDERS):
        for carrier in CARRIERS:
            word = f"{carrier.__name__}{number:03}"
            left = ask(asked(word))
            assert fact(word) in parrot.heard, word
            assert is_heard(parrot, order["text"]), word
            assert word in "".join(sentence.text for sentence in left.answer.sentences)
            check(left, parrot, word)
        question = f"{asked(f'document{number:03}')} {order['text']}"[:QUESTION_CHARACTERS_MAX]
        check(ask(question), parrot, f"question {number}")


def check(left: Left, parrot: Parrot, case: str) -> None:
    """Nothing of an answer is more than letters, and of what was not granted nothing is in it."""
    shown = answer_json(left.answer)
    for text in (shown["answer"], *(sentence["text"] for sentence in shown["sentences"])):
        assert acts(text) == [], (case, text)
        assert not re.search(r"[<>\[\]`|]", text), (case, text)
    for citation in left.answer.citations:
        assert citation.quote == citation.passage.chunk.text[citation.start : citation.end], case
    page = show(left.answer, texts(left.answer.language))
    made = acts(page)
    assert [act for act in made if not OURS.fullmatch(act)] == [], (case, page)
    assert {act.partition("?")[0] for act in made} <= {*map(_place, _passages(left.answer))}, case
    assert acts(left.streamed) == [], case
    for text in (parrot.heard, json.dumps(shown), page, left.streamed):
        assert CANARY not in text, case


def acts(markdown: str) -> list[str]:
    """What a reader of Markdown makes of a text beside paragraphs of letters, our own emphasis and lists aside."""
    found = []
    for token in _tokens(markdown):
        if token.type in ("link_open", "image"):
            found.append(str(token.attrs.get("href") or token.attrs.get("src")))
        elif token.type in ("html_inline", "html_block", "code_inline", "code_block", "fence", "table_open"):
            found.append(token.type)
        elif token.type == "text" and ADDRESS.search(token.content):
            found.append(token.content)
    return found


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def is_heard(parrot: Parrot, order: str) -> bool:
    """Whether words of an order's beginning were in the prompt, whatever became of its marks."""
    heard, first = " ".join(words(parrot.heard)), words(order[:120])
    return any(" ".join(first[at : at + 3]) in heard for at in range(max(1, len(first) - 2)))


def _tokens(markdown: str) -> Iterator[Any]:
    for token in MARKDOWN.parse(markdown):
        yield token
        yield from token.children or ()


def _passages(answer: Answer) -> Sequence[Passage]:
    return [*(citation.passage for citation in answer.citations), *(item.passage for item in answer.nearest)]


def _place(passage: Passage) -> str:
    return f"/sources/{passage.document.collection_id}/{passage.document.id}/passages/{passage.id}"
