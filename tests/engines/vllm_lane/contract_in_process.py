"""The contract that every engine keeps, over `vllm:`."""

from __future__ import annotations

import pytest

from dikast.agents.models.vllm.model import VllmModel
from tests.contract.engines import Engine
from tests.contract.test_engines import *  # noqa: F403
from tests.engines.vllm_lane.conftest import CONTEXT


@pytest.fixture
def engine(vllm_model: VllmModel) -> Engine:
    return Engine(vllm_model, alternatives=20, context_words=CONTEXT, held=lambda: vllm_model.held)
