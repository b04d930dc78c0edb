"""The contract that every engine keeps, over `transformers:` and a tiny model."""

from __future__ import annotations

import pytest

from dikast.agents.models.transformers.model import TransformersModel
from tests.contract.engines import Engine
from tests.contract.test_engines import *  # noqa: F403
from tests.tiny_model import CONTEXT


@pytest.fixture
def engine(tiny: TransformersModel) -> Engine:
    return Engine(tiny, alternatives=20, context_words=CONTEXT, held=tiny.requests_held, close=1e-4)
