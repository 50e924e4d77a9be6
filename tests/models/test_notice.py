"""NOTICE names the licence of everything that is asked for by name, and of the weights."""

import re
from pathlib import Path

from models.catalogue_file import load_catalogue

ROOT = Path(__file__).parents[2]
NOTICE = (ROOT / "NOTICE").read_text()


def test_every_package_asked_for_by_name_has_its_licence() -> None:
    asked = (ROOT / "deploy" / "requirements" / "run.in").read_text().split()
    names = {re.split(r"[=<>~;\[]", line, maxsplit=1)[0].lower() for line in asked if not line.startswith("-")}
    listed = NOTICE.split("asks for by name")[1]
    noticed = set(re.findall(r"^  ([a-z0-9-]+) +\S", listed, re.MULTILINE))
    assert noticed == names


def test_the_weights_of_the_catalogue_have_the_licence_it_names() -> None:
    words = {entry.name: entry.name.split("-")[:2] for entry in load_catalogue().entries}
    for entry in load_catalogue().entries:
        lines = [
            line.lower() for line in NOTICE.splitlines() if all(word in line.lower() for word in words[entry.name])
        ]
        assert any(entry.licence.split(" Community")[0].lower() in line for line in lines), entry.name


def test_the_file_that_names_the_origin_of_the_demo_documents_is_there() -> None:
    named = re.findall(r"data/\S+\.tsv", NOTICE)
    assert named
    assert all((ROOT / path).is_file() for path in named)
