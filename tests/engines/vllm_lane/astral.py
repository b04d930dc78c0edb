"""ASTRAL's whole pipeline over `vllm:` in every role: 42 cases with benign seeds, from the plan to the report."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from dikast.agents.models.load import close_models
from tests.graphs.astral_pipeline import pipeline

CASES = 42
SECONDS = 900
"""Fifteen times what it takes on two idle cores."""


@pytest.fixture(scope="module", autouse=True)
def closed() -> Iterator[None]:
    yield
    asyncio.run(close_models())


async def test_every_case_has_an_outcome_and_counts(spec: str, tmp_path: Path) -> None:
    await asyncio.wait_for(pipeline(spec, CASES, tmp_path, oracle=f"json+{spec}"), SECONDS)
