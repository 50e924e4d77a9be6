"""The contract in vLLM's protocol: chat completions, tokens counted there, contents broken up."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from models.served.address import ServerAddress
from models.served.dialect import Kind
from models.served.generator import ServedGenerator, open_servers
from tests.models.generator_contract import QUEUE_MAX, GeneratorContract, asked, run, text_of
from tests.models.served.native import native_server
from tests.models.served.spoken import spoken_by

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def address(small_generator: Path) -> Iterator[ServerAddress]:
    with native_server(small_generator) as server, spoken_by(server.address) as address:
        yield address


@pytest.fixture(scope="module")
def served(address: ServerAddress) -> Iterator[ServedGenerator]:
    generator = open_servers([address], queue_max=QUEUE_MAX, slots=1)
    yield generator
    generator.close()


class TestServedGeneratorInChat(GeneratorContract):
    """The contract."""

    @pytest.fixture
    def generator(self, served: ServedGenerator) -> ServedGenerator:
        return served

    @pytest.fixture
    def closable(self, address: ServerAddress) -> ServedGenerator:
        return open_servers([address], slots=1)


def test_a_grammar_binds_the_answer_in_its_spelling_too(served: ServedGenerator) -> None:
    assert [server.facts and server.facts.kind for server in served.servers] == [Kind.VLLM]
    question = asked("Is the sky blue?", 24)
    assert text_of(run(served, replace(question, grammar='root ::= "perhaps" | "never"'))) in ("perhaps", "never")
    schema = '{"type": "object", "properties": {"blue": {"type": "boolean"}}, "required": ["blue"]}'
    assert text_of(run(served, replace(question, json_schema=schema))).lstrip().startswith("{")
