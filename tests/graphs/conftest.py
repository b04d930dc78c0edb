"""The embedded model, for the tests of methods that run with a real one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from dikast.agents.models.catalog import find
from dikast.agents.models.load import close_models
from dikast.errors import MissingExtraError


@pytest_asyncio.fixture
async def smollm2() -> AsyncIterator[str]:
    """The spec of the embedded model; its engine is closed afterwards."""
    pytest.importorskip("openvino_genai", reason="needs the extra cpu: openvino-genai")
    try:
        find("smollm2-135m")
    except MissingExtraError:
        pytest.skip("needs the embedded model: dikast models pull smollm2-135m")
    yield "openvino:smollm2-135m"
    await close_models()
