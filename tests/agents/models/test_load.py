from __future__ import annotations

import pytest

from dikast.agents.models.load import close_models, load_model
from dikast.agents.models.scripted import ScriptedModel, scripted
from dikast.errors import UsageError
from dikast.spec_options import SCHEMES_VARIABLE


@scripted
def echo(request: object) -> str:
    return "hello"


SPEC = f"scripted:{__name__}:echo"


def test_a_spec_is_loaded_with_its_options() -> None:
    model = load_model(f"{SPEC}?seed=7&temperature=0.5")
    assert isinstance(model, ScriptedModel)
    assert (model.sampling.seed, model.sampling.temperature) == (7, 0.5)
    assert load_model(SPEC).sampling.seed is None


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("sever:http://host", "did you mean 'server:'?"),
        ("gpt-4", "known: openvino:..., server:..., "),
        ("server", "did you mean 'server:'?"),  # the scheme alone is no spec
        ("model.gguf", "did you mean 'openvino:model.gguf'?"),
        ("zzz:model.gguf", "known: openvino:..., "),
    ],
)
def test_a_scheme_that_nobody_knows_is_told_with_what_may_be_meant(spec: str, hint: str) -> None:
    with pytest.raises(UsageError, match="no engine is called") as raised:
        load_model(spec)
    assert hint in raised.value.hint


@pytest.mark.parametrize("spec", ["scripted:", "scripted:?seed=1"])
def test_a_scheme_with_nothing_after_it_is_told(spec: str) -> None:
    with pytest.raises(UsageError, match="nothing after the scheme"):
        load_model(spec)


@pytest.mark.parametrize(
    ("allowed", "passes"), [("scripted", True), ("server,scripted", True), ("server", False), ("", False)]
)
def test_only_the_schemes_that_are_allowed_are_loaded(
    monkeypatch: pytest.MonkeyPatch, allowed: str, passes: bool
) -> None:
    monkeypatch.setenv(SCHEMES_VARIABLE, allowed)
    if passes:
        assert load_model(SPEC).spec == SPEC
    else:
        with pytest.raises(UsageError, match=f"'scripted' is not among the schemes in {SCHEMES_VARIABLE}"):
            load_model(SPEC)


async def test_every_model_that_was_loaded_and_lives_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[object] = []

    async def aclose(self: object) -> None:
        closed.append(self)

    await close_models()
    monkeypatch.setattr(ScriptedModel, "aclose", aclose)
    kept = [load_model(SPEC), load_model(SPEC)]
    load_model(SPEC)  # nobody holds this one
    await close_models()
    assert {id(one) for one in closed} == {id(one) for one in kept}
    await close_models()
    assert len(closed) == 2


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("openaI:gpt-4o", "did you mean 'openai:'?"),
        ("groq:llama-3", "server:https://api.groq.com/openai/v1#llama-3"),
        ("openvion:smollm2-135m", "did you mean 'openvino:'?"),
        ("model.gguf", "did you mean 'openvino:model.gguf'?"),
    ],
)
def test_the_hint_is_true_for_its_case(spec: str, hint: str) -> None:
    with pytest.raises(UsageError) as told:
        load_model(spec)
    assert hint in told.value.hint
