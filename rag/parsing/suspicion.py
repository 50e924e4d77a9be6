"""Signs that a text speaks to a model instead of its readers. Rules, because a model that judges can be told to.

They are read off published attacks (BIPIA, garak) and their French counterparts. What they miss still meets quoting,
checked citations and a page on which nothing acts; what they find waits for a person, who lets it in with one word.
"""

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum


class Sign(StrEnum):
    """What a text does that only makes sense to a model."""

    OVERRIDES = "tells the reader to ignore its instructions"
    ANSWERS = "says how answers are to be written"
    ROLE = "gives the reader another role"
    DISCLOSES = "asks for the instructions of the system"
    MARKS = "holds marks of a chat format"
    EXCLUDES = "forbids to cite other documents"
    SENDS = "asks for an address that carries what was said"
    ADDRESSES = "speaks to an assistant"


_ANSWER = r"(?:answers?|repl(?:y|ies)|responses?|outputs?|reponses?|replique)"
_DO = (
    r"(?:add|append|include|insert|integrate|incorporate|embed|begin|start|end|finish|prefix|encode|encrypt|reverse|"
    r"translate|write|rewrite|provide|give|present|deliver|convert|transform|apply|use|put|weave|reference|represent|"
    r"express|ajoute[rz]?|inclu[ste]|insere[rz]?|integre[rz]?|commence[rz]?|termine[rz]?|encode[rz]?|tradui[st]|ecri[st]|"
    r"redige[rz]?|donne[rz]?|formule[rz]?)"
)
_REST = r"(?:[^.\n]|\.(?=\S)){0,120}"
"""The rest of a sentence; the points of an address do not end it."""
_PATTERNS: dict[Sign, tuple[str, ...]] = {
    Sign.OVERRIDES: (
        r"\b(?:ignore|disregard|forget|override|bypass)[rz]?\b[^.\n]{0,40}\b(?:previous|prior|above|earlier|preceding|all|"
        r"your|other)\b[^.\n]{0,30}\b(?:instructions?|prompts?|directions?|directives?|guidelines|rules)\b",
        r"\b(?:ignore[rz]?|oublie[rz]?|neglige[rz]?)\b[^.\n]{0,30}\b(?:instructions?|consignes?|directives?|regles)\b"
        r"[^.\n]{0,15}\b(?:precedent\w*|anterieur\w*|ci-dessus|systeme|recues?)\b",
        r"\b(?:ignore[rz]?|oublie[rz]?)\s+(?:toutes?\s+)?(?:tes|vos|ces)\s+"
        r"(?:instructions?|consignes?|directives?|regles)\b",
    ),
    Sign.ANSWERS: (
        rf"\b{_DO}\b[^.\n]{{0,80}}\b(?:your|each|every|ta|tes|votre|vos|chaque)\s+(?:\w+\s+)?{_ANSWER}\b",
        rf"\b(?:in|to|of|at the end of|dans|a la fin de)\s+(?:your|ta|votre|each|every|chaque)\s+{_ANSWER}\b"
        r"[^.\n]{0,60}\b(?:add|append|include|ajoute|inclus|insere)",
        rf"\b(?:add|append|insert|integrate|embed|incorporate|include)\b{_REST}\b(?:to|in|into|within)\s+your\s+{_ANSWER}\b",
        rf"\b(?:modify|enhance|augment|alter|adapt|rephrase|scramble|jumble|misspell|anagram|rearrange)\b[^.\n]{{0,30}}"
        rf"\b(?:your|each|every)\s+{_ANSWER}\s+(?:to|by|with|so)\b",
        rf"\b(?:letters?|vowels?|typos?|anagrams?|emojis?)\b[^.\n]{{0,20}}\b(?:of|in|from)\s+your\s+{_ANSWER}\b",
        rf"\bin\s+your\s+{_ANSWER},?\s+(?:tease|hint|promote|advertise|"
        r"suggest (?:that )?(?:the )?(?:users?|readers?|customers?))\b",
        rf"\byour\s+{_ANSWER}'s?\s+(?:words?|letters?|characters?|spelling)\b",
        r"\b(?:answer|respond|reply)\s+(?:only|exclusively|always|solely)\b\s*(?::|with|in\b|that\b)",
        r"\b(?:answer|respond|reply)\s+only\s*:",
        r"\b(?:reponds|repondez)\s+(?:toujours|uniquement|seulement|exclusivement|que)\b",
        r"\bwhen(?:ever)? you (?:answer|respond|reply)\b",
        r"\b(?:whatever|regardless of|quelle que soit)\s+(?:the|la|your|ta)\s+question\b",
    ),
    Sign.ROLE: (
        r"\bfrom now on,?\s+you(?: are| will| must| shall| have to|'re)\s+(?:going to |have to )?"
        r"(?:act|answer|respond|reply|behave|be|speak|write|always|only|ignore|an?)\b",
        r"\byou (?:are now an? \w+ (?:ai|assistant|bot|model)|will now act|are going to act)\b",
        r"\b(?:act|behave|respond)\s+(?:like|as)\s+(?:an?\s+)?(?:\w+\s+){0,2}(?:ai|chatbot|dan|llm)\b",
        r"\btu es\s+(?:desormais|maintenant)\b",
        r"\ba partir de maintenant,?\s+(?:tu|reponds|vous|repondez)\b",
        r"\bdo anything now\b|\bjailbr(?:eak|oken)\b|\bdeveloper mode (?:enabled|output)\b",
    ),
    Sign.DISCLOSES: (
        r"\b(?:show|reveal|print|repeat|output|display|tell|give|see|translate|recopie|affiche|montre|revele|repete)\w*\b"
        r"[^.\n]{0,50}\b(?:system prompt|(?:your|initial|system|starting|original)\s+(?:system\s+)?instructions|"
        r"instructions (?:systeme|you were given)|(?:tes|vos) (?:instructions|consignes))\b",
        r"\bsystem ?prompt\b[^.\n]{0,30}\b(?:is|immediately|for)\b",
    ),
    Sign.MARKS: (
        r"<\|(?:im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id)\|>",
        r"\[/?inst\]|<<sys>>|</?(?:system|assistant|contexte?)>",
        r"^\s*#{2,}\s*(?:system|instruction|response)\s*:",
    ),
    Sign.EXCLUDES: (
        r"\b(?:must|should|do) not (?:cite|quote|mention)\b[^.\n]{0,20}\bother\b",
        r"\bother (?:documents|sources|texts)\b[^.\n]{0,60}\bnot (?:be )?(?:cited?|quoted?|mention(?:ed)?|used?)\b",
        r"\bne (?:cite|citez|mentionne|mentionnez|utilise)[rz]?\b[^.\n]{0,20}\baucune? autre\b",
        r"\b(?:replaces|supersedes|remplace)\s+(?:all|toutes?|every)\b[^.\n]{0,30}\b(?:others?|les autres)\b",
    ),
    Sign.SENDS: (
        r"!\[[^\]]{0,80}\]\(\s*https?://[^)\s]{0,200}[?&][^)\s=]{1,20}=",
        r"\b(?:replace|remplace)[rz]?\b[^.\n]{0,30}\b(?:question|query|password|user message|mot de passe)\b"
        r"[^.\n]{0,20}\b(?:by|with|par)\b[^.\n]{0,30}\b(?:last|user|derniere?|utilisateur)\b",
    ),
    Sign.ADDRESSES: (
        r"\b(?:note|message|attention|instructions?|important)\b[^.\n]{0,20}\b(?:to|for|pour|a)\s+(?:the\s+|l')?"
        r"(?:ai|assistant|chatbot|llm|language model|modele|ia)\b",
        r"^\s*assistant ?:\s*\S",
        r"\bif you are (?:an? )?(?:ai|llm|language model|assistant|chatbot)\b",
        r"\bsi (?:tu es|vous etes) (?:une? )?(?:ia|modele de langage|assistant)\b",
        r"\b(?:demande|ask) (?:the user|a l'utilisateur)\b[^.\n]{0,40}\b(?:password|mot de passe|credentials)\b",
    ),
}
_RULES = {sign: re.compile("|".join(patterns), re.M) for sign, patterns in _PATTERNS.items()}
_SPACES = re.compile(r"[^\S\n]+")
_PART_CHARACTERS_MAX = 2000
"""A rule looks at no more at once, so that its cost grows with the text and not faster."""


def signs(texts: Iterable[str]) -> frozenset[Sign]:
    """What is found in any of the texts, looked at as a reader sees them: without accents, case or tricks of width."""
    return frozenset(
        sign for text in texts for part in _parts(_plain(text)) for sign, rule in _RULES.items() if rule.search(part)
    )


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text).lower().replace("\u2019", "'")
    return _SPACES.sub(" ", "".join(letter for letter in folded if not unicodedata.combining(letter)))


def _parts(text: str) -> Iterable[str]:
    return (text[first : first + _PART_CHARACTERS_MAX] for first in range(0, len(text), _PART_CHARACTERS_MAX))
