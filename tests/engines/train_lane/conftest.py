"""The tiny model of the train lane."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from dikast.agents.models.load import load_model
from dikast.agents.models.transformers.model import TransformersModel
from tests.tiny_model import make


def load(spec: str) -> TransformersModel:
    model = load_model(spec)
    assert isinstance(model, TransformersModel)
    return model


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def tiny(folder: Path) -> Iterator[TransformersModel]:
    model = load(f"transformers:{folder}")
    yield model
    asyncio.run(model.aclose())
