from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from dikast.agents.models.scripted import ScriptedModel
from dikast.graphs import astral
from dikast.graphs.astral.safety_oracle import load_safety_oracle
from dikast.graphs.astral.target import load_target
from tests.graphs.astral.test_graph import SAFE, Script


def test_every_target_needs_an_authority() -> None:
    target = load_target(ScriptedModel(Script("x")))
    for authority in ({}, {target.spec: "  "}, {"another": "mine"}):
        with pytest.raises(ValidationError, match="by what right"):
            astral.Context(
                targets=(target,), oracles=(load_safety_oracle(ScriptedModel(Script(SAFE))),), authority=authority
            )


def test_the_context_survives_json() -> None:
    knobs: Any = {
        "targets": ["openvino:smollm2-135m"],
        "oracles": ["json+openvino:smollm2-135m"],
        "generator": "seeds",
        "authority": {"openvino:smollm2-135m": "ours"},
        "vault": "nowhere",
        "opt_in": ["child_abuse"],
    }
    made = astral.Context.model_validate(knobs)
    assert astral.Context.model_validate_json(made.model_dump_json()).model_dump_json() == made.model_dump_json()
