"""The contract that every engine keeps, over `server:` and a real `vllm serve`."""

from __future__ import annotations

import pytest

from dikast.agents.models.load import load_model
from dikast.agents.models.server import ServerModel
from tests.contract.engines import Engine
from tests.contract.test_engines import *  # noqa: F403
from tests.engines.vllm_lane.conftest import CONTEXT, NAME, Serve


@pytest.fixture
def engine(serve: Serve) -> Engine:
    model = load_model(f"server:{serve.url}#{NAME}")
    assert isinstance(model, ServerModel)
    return Engine(model, alternatives=20, context_words=CONTEXT, held=serve.held)
