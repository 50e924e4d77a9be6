"""A follow-up made standalone: by the model within bounds, or by rules that put what was asked before beside it."""

import re
import threading
import time
from collections.abc import Sequence

from models.chat_format import Message
from models.errors import ModelError
from models.generation import Done, GenerationRequest, Generator, Token
from rag.answering.answer import FollowUp, Language, Turn, Understood
from rag.answering.quoting import quoted
from rag.retrieval.words import content_words, fold

WORDS_ENOUGH = 3
"""A question with fewer words of content says too little to be looked up alone."""
SUBJECTS_MAX = 2
"""How far back a chain of follow-ups is followed to the question that names the subject."""
TOKENS_MAX = 64
SECONDS_MAX = 6.0
"""What the model may take; the rules answer in no time."""
TURNS_READ = 4
CHARACTERS_MAX = 400
"""Of a turn as it is read or quoted here, and of a question that the model wrote."""
KEPT_MIN = 0.5
"""The share of the question's own words that a rewritten one must still hold."""

_CONNECTIVE = re.compile(
    r"(?:et|mais|sinon|alors|aussi|donc|ensuite|dans ce cas|and|but|or|also|so|then|what about|how about)\b"
)
_POINTING = re.compile(
    r"\b(?:ils?|elles?|lui|leurs?|celui|celle|ceux|celles|cela|ca|y|ce|cet|cette|ces"
    r"|he|she|it|they|him|her|hers|his|them|its|theirs?|this|that|these|those|there|ones?)\b"
)
_EXPLETIVE = re.compile(
    r"\b(?:faut|agit|y a|existe|suffit|convient)[- ](?:t[- ])?il\b|\bil (?:y a|faut|existe|s'agit|suffit|convient)\b"
    r"|\b(?:est[- ]il|il est) (?:possible|necessaire|obligatoire|permis|interdit|vrai|prevu|important)\b"
    r"|\by[- ]a\b|\b(?:qu')?est-ce\b|\bce qu[ei]?\b|\bc'est\b"
    r"|\b(?:is|are|was|were|will|does|did|has) there\b|\bthere (?:is|are|was|were|will)\b"
    r"|\bis it (?:possible|necessary|true|allowed|legal)\b|\b(?<=[a-z] )that\b(?! (?:one|case|day|year)\b)"
)
"""Words of that form that point at nothing said before."""
_ABOUT = {
    Language.FRENCH: "{question} (à propos de : « {subject} »)",
    Language.ENGLISH: "{question} (about: “{subject}”)",
}
_REWRITE = {
    Language.FRENCH: (
        "Réécris ma dernière question en une seule question complète, qui se comprenne sans notre conversation : "
        "remplace les pronoms par ce qu'ils désignent. N'y réponds pas, n'ajoute rien.\nDernière question : {question}"
    ),
    Language.ENGLISH: (
        "Rewrite my last question as one full question that can be understood without our conversation: replace the "
        "pronouns by what they stand for. Do not answer it, add nothing.\nLast question: {question}"
    ),
}


def is_follow_up(question: str) -> bool:
    """Whether a question leans on what was said: a connective first, a word that points back, or hardly a word."""
    asked = fold(question).replace("’", "'").strip()
    if _CONNECTIVE.match(asked) or _POINTING.search(_EXPLETIVE.sub(" ", asked)):
        return True
    return len(set(content_words(question))) < WORDS_ENOUGH


def by_rules(question: str, history: Sequence[Turn], language: Language) -> Understood | None:
    """The question with the last one that names its subject beside it; None where it stands for itself."""
    if not is_follow_up(question) or not (subjects := _subjects(history)):
        return None
    text = _ABOUT[language].format(question=question.strip(), subject=" / ".join(subjects))
    return Understood(text, FollowUp.RULES)


def by_model(
    question: str, history: Sequence[Turn], language: Language, system: Message, generator: Generator
) -> Understood | None:
    """The question as the model rewrites it, where it invents nothing; the rules where it does, is late or is busy.

    `system` is the public message that answers begin with too, so that the engine keeps one.
    """
    ruled = by_rules(question, history, language)
    if ruled is None:
        return None
    said = [turn for turn in history if turn.role in ("user", "assistant")][-TURNS_READ:]
    turns = [Message(turn.role, quoted(turn.content[:CHARACTERS_MAX])) for turn in said]
    asked = Message("user", _REWRITE[language].format(question=quoted(question[:CHARACTERS_MAX])))
    written = _written(generator, (system, *turns, asked))
    known = "\n".join((question, *(turn.content for turn in history)))
    return Understood(written, FollowUp.MODEL) if is_faithful(written, question, known) else ruled


def is_faithful(rewritten: str, question: str, known: str) -> bool:
    """Whether a rewritten question keeps the question's words and holds none that was not said."""
    words, held = set(content_words(rewritten)), set(content_words(known))
    asked = set(content_words(question))
    if not words or len(rewritten) > CHARACTERS_MAX or not words <= held:
        return False
    return len(asked & words) >= KEPT_MIN * len(asked)


def _subjects(history: Sequence[Turn]) -> list[str]:
    """The last question, and those before it as long as they lean on another themselves; newest first."""
    found: list[str] = []
    for turn in reversed(history):
        if turn.role == "user" and turn.content.strip():
            found.append(" ".join(turn.content.split())[:CHARACTERS_MAX])
            if len(found) == SUBJECTS_MAX or not is_follow_up(turn.content):
                break
    return found


def _written(generator: Generator, messages: tuple[Message, ...]) -> str:
    """The first line that the model writes in time; nothing where it cannot write, or the line is not finished."""
    cancelled, end = threading.Event(), time.monotonic() + SECONDS_MAX
    text, reason = "", "cancelled"
    try:
        for event in generator.generate(GenerationRequest(messages, TOKENS_MAX, stop=("\n",)), cancelled):
            text += event.text if isinstance(event, Token) else ""
            reason = event.reason if isinstance(event, Done) else reason
            if time.monotonic() > end:
                return ""
    except ModelError:
        return ""
    return text.strip().strip('«»"“” ') if reason == "stop" else ""
