"""Specs of models that are none."""

from __future__ import annotations

import pytest

from dikast.agents.models.load import load_model
from dikast.errors import UsageError


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("openai:gpt-4o", "server:https://api.openai.com/v1#gpt-4o"),
        ("groq:llama-3", "server:https://api.groq.com/openai/v1#llama-3"),
        ("ollama:qwen3:8b", "server:http://localhost:11434/v1#qwen3:8b"),
        ("openvion:smollm2-135m", "did you mean 'openvino:'?"),
        ("model.gguf", "did you mean 'openvino:model.gguf'?"),
    ],
)
def test_the_hint_is_true_for_its_case(spec: str, hint: str) -> None:
    with pytest.raises(UsageError) as told:
        load_model(spec)
    assert hint in told.value.hint
