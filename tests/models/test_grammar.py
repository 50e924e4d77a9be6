"""Grammars and schemas within bounds: what is malformed or would end the process is refused with what to do."""

import json

import pytest

from models.errors import GrammarWrong
from models.generation import GenerationRequest
from models.grammar import GRAMMAR_CHARACTERS_MAX, NESTING_MAX, checked, grammar_of, of_schema

YES = 'root ::= "yes" | "no"'


def test_a_grammar_passes_as_it_is_and_a_schema_becomes_one() -> None:
    assert grammar_of(GenerationRequest((), 1)) == ""
    assert grammar_of(GenerationRequest((), 1, grammar=YES)) == YES
    schema = json.dumps({"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]})
    made = grammar_of(GenerationRequest((), 1, json_schema=schema))
    assert made.startswith("root ::=") or "\nroot ::=" in made


@pytest.mark.parametrize("text", ["", " \n", "\x00", 'root ::= "a\x00"'])
def test_an_empty_grammar_and_one_with_a_zero_character_are_refused(text: str) -> None:
    with pytest.raises(GrammarWrong, match="empty or holds a zero character"):
        checked(text)


@pytest.mark.parametrize(
    "text",
    [
        "root ::= " + "(" * 100_000,
        "root ::= " + "(" * (NESTING_MAX + 1) + '"a"' + ")" * (NESTING_MAX + 1),
        "root ::= " + '(")" ' * (NESTING_MAX + 1),
        "root ::= " + "([)] " * (NESTING_MAX + 1),
        "root ::= # )\n" + "( # )\n" * (NESTING_MAX + 1),
        'root ::= "' + "a" * GRAMMAR_CHARACTERS_MAX + '"',
    ],
)
def test_a_grammar_that_would_end_the_process_is_refused(text: str) -> None:
    with pytest.raises(GrammarWrong, match="larger than 50000 or nested deeper than 100; simplify it"):
        checked(text)


def test_brackets_in_literals_and_side_by_side_nest_nothing() -> None:
    assert checked('root ::= "((((" ' + '("a") ' * 1000)


@pytest.mark.parametrize(
    "schema",
    [
        "{",
        "[]",
        "1",
        '{"$ref": "https://elsewhere.example/schema.json"}',
        '{"type": "object", "properties": 3}',
        '{"type": "no-such-type"}',
        '{"a":' * 20_000 + "1" + "}" * 20_000,
        json.dumps({"enum": ["x" * GRAMMAR_CHARACTERS_MAX]}),
        '{"items":' * 3000 + "{}" + "}" * 3000,
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(schema: str) -> None:
    with pytest.raises(GrammarWrong):
        of_schema(schema)


def test_one_of_the_two_is_given() -> None:
    with pytest.raises(GrammarWrong, match="give one of the two"):
        grammar_of(GenerationRequest((), 1, grammar=YES, json_schema="{}"))
