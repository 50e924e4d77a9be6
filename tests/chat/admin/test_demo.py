"""The demo over a twin of the operations: made once, continued, never in the way of anything else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chat.admin import demo
from chat.errors import Refused
from rag.errors import CollectionExists


class Memory:
    """The operations that the demo needs, over lists."""

    def __init__(self) -> None:
        self.collections: list[str] = []
        self.users: list[str] = []
        self.grants: list[tuple[str, str]] = []

    def __call__(self, name: str, /, **arguments: Any) -> Iterator[dict[str, Any]]:
        match name:
            case "collection.list":
                yield from ({"name": held} for held in self.collections)
            case "collection.create" if arguments["name"] in self.collections:
                raise CollectionExists("a collection of that name exists")
            case "collection.create":
                self.collections.append(arguments["name"])
                yield {"name": arguments["name"]}
            case "collection.load":
                yield {"doc": "a.md", "state": "indexed", "reason": None, "done": 1, "total": 1}
            case "user.list":
                yield from ({"name": held} for held in self.users)
            case "user.add":
                self.users.append(arguments["name"])
                yield {"name": arguments["name"], "password": f"drawn for {arguments['name']}"}
            case "collection.grant":
                self.grants.append((arguments["name"], arguments["user"]))
                yield {"granted": arguments["name"]}


def make(operate: Memory, state: Path) -> list[str]:
    demo.load_demo(operate, lambda event: None)
    return demo.sentences(demo.add_people(operate, state))


def test_the_demo_ends_with_both_names_and_passwords(tmp_path: Path) -> None:
    operate = Memory()
    shown = "\n".join(make(operate, tmp_path))
    assert "drawn for camille" in shown
    assert "drawn for admin" in shown
    assert operate.grants == [("demo", "camille")]
    assert demo.is_made(tmp_path)


def test_a_demo_that_was_cut_after_its_first_person_is_finished(tmp_path: Path) -> None:
    operate = Memory()
    operate.collections, operate.users = ["demo"], ["camille"]
    shown = "\n".join(make(operate, tmp_path))
    assert operate.collections == ["demo"]
    assert operate.users == ["camille", "admin"]
    assert "drawn for admin" in shown
    assert "`huisclos user password NAME` draws a new one (NAME: camille)" in shown
    assert operate.grants == [("demo", "camille")]


def test_a_password_that_nobody_saw_can_be_replaced() -> None:
    shown = "\n".join(demo.sentences(demo.made_people()))
    assert "`huisclos user password NAME` draws a new one (NAME: camille, admin)" in shown
    assert "password:" not in shown


def test_a_state_folder_with_more_than_the_demo_is_left_alone(tmp_path: Path) -> None:
    operate = Memory()
    operate.collections, operate.users = ["demo", "contracts"], ["camille", "admin"]
    with pytest.raises(Refused, match="collection contracts"):
        demo.check_only_demo(tmp_path, operate)


def test_a_house_in_use_is_told_from_one_that_holds_the_demo_alone() -> None:
    operate = Memory()
    operate.collections, operate.users = ["demo"], ["camille"]
    assert demo.others(operate) == []
    operate.users.append("eve")
    assert demo.others(operate) == ["user eve"]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "state"
    (state / "keys").mkdir(parents=True)
    (state / "huisclos.toml").write_text("[server]\nport = 8001\n")
    (state / "keys" / "root.key").write_bytes(b"key")
    (state / "truth.db").write_bytes(b"rows")
    return state


def test_starting_over_keeps_the_settings_alone(state: Path) -> None:
    demo.delete(state)
    assert [path.name for path in state.iterdir()] == ["huisclos.toml"]
    assert [path.name for path in state.parent.iterdir()] == ["state"]


def test_starting_over_after_a_kill_in_the_middle_keeps_them_too(state: Path) -> None:
    state.rename(state.with_name("state.deleted"))
    state.mkdir()
    demo.delete(state)
    assert [path.name for path in state.iterdir()] == ["huisclos.toml"]
    assert [path.name for path in state.parent.iterdir()] == ["state"]
