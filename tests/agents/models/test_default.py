from __future__ import annotations

import shutil
from collections.abc import Collection

import pytest

from dikast.agents.models import default
from dikast.agents.models.default import CPU_SPEC, GPU_SPEC, default_model
from dikast.errors import MissingExtraError


def machine(monkeypatch: pytest.MonkeyPatch, packages: Collection[str], tools: Collection[str]) -> None:
    monkeypatch.setattr(default, "find_spec", lambda name: object() if name in packages else None)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}" if name in tools else None)


@pytest.mark.parametrize("tool", ["nvidia-smi", "rocm-smi"])
def test_vllm_where_there_is_a_gpu_for_it(monkeypatch: pytest.MonkeyPatch, tool: str) -> None:
    machine(monkeypatch, {"vllm", "openvino_genai"}, {tool})
    assert default_model().spec == GPU_SPEC


@pytest.mark.parametrize(
    ("packages", "tools", "why"),
    [
        ({"openvino_genai"}, {"nvidia-smi"}, "vLLM is not installed"),
        ({"openvino_genai", "vllm"}, set[str](), "there is no GPU"),
    ],
)
def test_else_the_embedded_model_and_why(
    monkeypatch: pytest.MonkeyPatch, packages: set[str], tools: set[str], why: str
) -> None:
    machine(monkeypatch, packages, tools)
    assert default_model().spec == CPU_SPEC
    assert default_model().why.startswith(why)


@pytest.mark.parametrize("packages", [set[str](), {"vllm"}])
def test_without_any_engine_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, packages: set[str]) -> None:
    machine(monkeypatch, packages, set())
    with pytest.raises(MissingExtraError, match=r"dikast\[cpu\]"):
        default_model()
