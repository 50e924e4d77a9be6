"""Shapes an answer is held to: GBNF grammars, and JSON schemas made into them, within bounds.

llama.cpp's parser descends once a bracket and ends the process when the stack does (seen at 100,000 brackets).
"""

import json
import re
from itertools import accumulate

from llama_cpp.llama_grammar import json_schema_to_gbnf

from models.errors import GrammarWrong
from models.generation import GenerationRequest

GRAMMAR_ROOT = "root"
GRAMMAR_CHARACTERS_MAX = 50_000
NESTING_MAX = 100
_BRACKET = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|[()]""", re.DOTALL)
"""Brackets as the parser meets them: past comments, literals and classes of characters, which may hold some."""
_STEP = {"(": 1, ")": -1}


def grammar_of(request: GenerationRequest) -> str:
    """The grammar that shapes a request's answer, empty where none does; raises GrammarWrong."""
    if request.grammar and request.json_schema:
        raise GrammarWrong("a grammar and a JSON schema were given; give one of the two")
    if request.json_schema:
        return checked(of_schema(request.json_schema))
    return checked(request.grammar) if request.grammar else ""


def of_schema(schema: str) -> str:
    """The grammar of JSON texts that a schema describes. References elsewhere are refused, never fetched."""
    if len(schema) > GRAMMAR_CHARACTERS_MAX:
        raise GrammarWrong(_bounds("JSON schema", schema))
    try:
        if not isinstance(json.loads(schema), dict):
            raise GrammarWrong('the JSON schema is no object; give one such as {"type": "object"}')
        return str(json_schema_to_gbnf(schema))
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError, RecursionError) as error:
        raise GrammarWrong(f"the JSON schema cannot be used ({type(error).__name__}); correct it") from error


def checked(grammar: str) -> str:
    """The grammar, where it is within bounds."""
    if not grammar.strip() or "\x00" in grammar:
        raise GrammarWrong("the grammar is empty or holds a zero character; give rules in GBNF, starting at root")
    if len(grammar) > GRAMMAR_CHARACTERS_MAX or _depth(grammar) > NESTING_MAX:
        raise GrammarWrong(_bounds("grammar", grammar))
    return grammar


def _depth(text: str) -> int:
    """The deepest nesting of brackets."""
    steps = (_STEP.get(found.group(), 0) for found in _BRACKET.finditer(text))
    return max(accumulate(steps), default=0)


def _bounds(what: str, text: str) -> str:
    return (
        f"the {what} of {len(text)} characters is larger than {GRAMMAR_CHARACTERS_MAX} or nested deeper than "
        f"{NESTING_MAX}; simplify it"
    )
