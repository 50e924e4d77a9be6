"""What is said when there is no answer, and how the model's own "I do not find it" is told from an answer."""

import re

from models.errors import EngineAway, EngineBusy, EngineFailed, RequestTooLong
from rag.answering.answer import Language, Reason
from rag.retrieval.words import fold

NOT_FOUND = {Language.FRENCH: "Les documents ne le disent pas.", Language.ENGLISH: "The documents do not say."}
NO_ANSWER = {
    Language.FRENCH: "Les documents auxquels vous avez accès ne répondent pas à cette question.",
    Language.ENGLISH: "The documents you have access to do not answer this question.",
}
NOTHING_PASSES = {
    Language.FRENCH: "Aucun document ne correspond au filtre de dates, de types ou de dossiers : élargissez-le.",
    Language.ENGLISH: "No document matches the filter of dates, types or folders: widen it.",
}
TOO_LONG = {
    Language.FRENCH: "La question compte {length} caractères, {most} au plus sont lus : posez-la plus brièvement.",
    Language.ENGLISH: "The question has {length} characters, at most {most} are read: ask it more briefly.",
}
UNWRITTEN = {
    Reason.MODEL_AWAY: {
        Language.FRENCH: (
            "Aucune réponse ne peut être rédigée pour le moment : le modèle n'est pas disponible. La recherche "
            "fonctionne, et voici les passages les plus proches de votre question."
        ),
        Language.ENGLISH: (
            "No answer can be written at the moment: the model is not available. Searching works, and these are the "
            "passages nearest to your question."
        ),
    },
    Reason.MODEL_FAILED: {
        Language.FRENCH: (
            "La réponse n'a pas pu être rédigée : le modèle s'est interrompu. Voici les passages les plus proches de "
            "votre question ; reposez-la pour une réponse rédigée."
        ),
        Language.ENGLISH: (
            "The answer could not be written: the model stopped. These are the passages nearest to your question; ask "
            "it again for a written answer."
        ),
    },
    Reason.MODEL_BUSY: {
        Language.FRENCH: (
            "Le modèle est très demandé en ce moment. Voici les passages les plus proches de votre question ; "
            "reposez-la dans un instant pour une réponse rédigée."
        ),
        Language.ENGLISH: (
            "The model is in great demand just now. These are the passages nearest to your question; ask it again in "
            "a moment for a written answer."
        ),
    },
    Reason.MODEL_CONTEXT: {
        Language.FRENCH: (
            "Votre question et les passages qui s'y rapportent sont plus longs que ce que le modèle peut lire en une "
            "fois. Voici ces passages ; posez une question plus courte pour une réponse rédigée."
        ),
        Language.ENGLISH: (
            "Your question and the passages that belong to it are longer than what the model can read at once. These "
            "are the passages; ask a shorter question for a written answer."
        ),
    },
}
"""Said where the model wrote nothing. What IT has to do stands in the log and in `huisclos doctor`."""
UNABLE = (EngineAway, EngineBusy, EngineFailed, RequestTooLong)
"""What a generator raises where it cannot write this, or nothing now; see `reason_of`."""

_SOURCES = (
    r"\b(?:documents?|passages?|textes?|texts?|extraits?|sources?|contexte?|informations? (?:fournies?|provided))\b"
)
_SAID_FR = r"(?:mentionn|precis|indiqu|specifi|fourni|donn|trouv|contenu|present|evoqu|explicit)\w*"
_SAID_EN = r"(?:mention|specif|provid|stat|giv|found|availab|indicat|explicit|includ|address|discuss)\w*"
_KNOWLEDGE_FR = r"(?:information|mention|precision|detail|indication|reponse)s?\b"
_KNOWLEDGE_EN = r"(?:information|mention|detail|indication|answer)s?\b"
_SILENT = re.compile(
    "|".join(
        (
            rf"{_SOURCES}.{{0,60}}\bn(?:e\b|').{{0,60}}\b(?:pas|aucune?)\b",
            rf"{_SOURCES}.{{0,60}}\b(?:do|does|did|is|are) ?(?:not\b|n't\b)",
            rf"\b(?:pas|aucune?)\b.{{0,40}}\b{_SAID_FR}.{{0,30}}{_SOURCES}",
            rf"\b(?:not|no|nothing)\b.{{0,40}}\b{_SAID_EN}.{{0,30}}{_SOURCES}",
            rf"\b(?:aucune|pas d'|pas de|pas assez d'|pas assez de) ?{_KNOWLEDGE_FR}",
            rf"\b(?:no|not enough|insufficient) {_KNOWLEDGE_EN}",
            r"\bje ne (?:sais|peux|trouve|dispose|connais)\b",
            r"\bi (?:do not|don't|cannot|can't|could not) (?:know|find|have|answer|determine)\b",
        )
    )
)


def reason_of(error: EngineAway | EngineBusy | EngineFailed | RequestTooLong) -> Reason:
    """Why nothing was written, or no more."""
    match error:
        case EngineAway():
            return Reason.MODEL_AWAY
        case EngineBusy():
            return Reason.MODEL_BUSY
        case RequestTooLong():
            return Reason.MODEL_CONTEXT
    return Reason.MODEL_FAILED


def is_not_found(sentence: str) -> bool:
    """Whether the sentence is the plain one in which a model says that the passages do not hold the answer."""
    written = _bare(sentence)
    return any(written.startswith(_bare(known)) for known in NOT_FOUND.values())


def sounds_silent(sentence: str) -> bool:
    """Whether a sentence reads as if the sources said nothing; a source may say so of other things: see its support."""
    return _SILENT.search(fold(sentence).replace("’", "'")) is not None


def _bare(text: str) -> str:
    return " ".join(re.findall(r"\w+", fold(text)))
