"""The embedded model, for the tests of methods that run with a real one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from dikast.agents.models.catalog import find
from dikast.agents.models.load import close_models
from dikast.errors import MissingExtraError

NAME = "smollm2-135m"


@pytest.fixture(scope="session")
def loaded() -> Iterator[str]:
    """The embedded model's name; its engine stays open from one test to the next: loading it costs 5 CPU seconds."""
    pytest.importorskip("openvino_genai", reason="needs the extra cpu: openvino-genai")
    from dikast.agents.models.openvino.engine import ENGINES
    from dikast.agents.models.openvino.native import Settings

    try:
        path = find(NAME)
    except MissingExtraError:
        pytest.skip(f"needs the embedded model: dikast models pull {NAME}")
    holder = object()
    ENGINES.open((path.resolve(), Settings()), id(holder))
    yield NAME
    ENGINES.close(id(holder))


@pytest_asyncio.fixture
async def smollm2(loaded: str) -> AsyncIterator[str]:
    """The spec of the embedded model; the models that a test made are closed afterwards."""
    yield f"openvino:{loaded}"
    await close_models()
