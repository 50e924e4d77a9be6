"""How the environment is made: what the engine is compiled with."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
CUDA = "-DGGML_CUDA=on"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, which is a script beside its own, with an environment that is empty."""
    monkeypatch.syspath_prepend(str(DEPLOY))
    spec = importlib.util.spec_from_file_location("install", DEPLOY / "install.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "install", module)  # where its dataclasses look for it
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ENGINE_OPTIONS", tmp_path / "engine-options")
    monkeypatch.delenv("CMAKE_ARGS", raising=False)
    return module


def test_the_engine_is_compiled_as_it_was_the_last_time_unless_said_otherwise(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert install.engine_options() == ""
    install.ENGINE_OPTIONS.write_text(CUDA)
    assert install.engine_options() == CUDA
    monkeypatch.setenv("CMAKE_ARGS", "")
    assert install.engine_options() == ""


def test_an_engine_for_a_gpu_is_another_one_in_the_cache_and_another_step(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert install.engine_cache(CUDA) != install.engine_cache("")
    plain = _engine_step(install).stamp
    monkeypatch.setenv("CMAKE_ARGS", CUDA)
    assert _engine_step(install).stamp != plain


def _engine_step(install: ModuleType) -> Any:
    (step,) = (step for step in install.steps("run") if step.title == "Engine llama.cpp")
    return step
