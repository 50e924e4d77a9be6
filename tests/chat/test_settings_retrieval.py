"""The stages of a search by the settings; without a retriever nothing starts."""

from pathlib import Path

import pytest

from chat.errors import SettingsWrong
from chat.settings import load_settings
from rag.retrieval.stages import ALL_STAGES, Stage


def test_every_stage_is_a_setting_and_on_where_nothing_is_said(tmp_path: Path) -> None:
    assert load_settings(tmp_path, {}).retrieval.stages == ALL_STAGES
    for stage in Stage:
        off = load_settings(tmp_path, {f"HUISCLOS__RETRIEVAL__{stage.upper()}": "false"})
        assert off.retrieval.stages == ALL_STAGES.without(stage)


def test_a_house_without_a_retriever_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "huisclos.toml").write_text("[retrieval]\ndense = false\nlexical = false\n")
    with pytest.raises(SettingsWrong, match="neither dense nor lexical"):
        load_settings(tmp_path, {})
