"""The engines that the contract suite runs over: one fixture each, gathered by `engine`.

Another engine, such as a real `vllm serve`, is one more fixture that returns an `Engine`, and its name in `ENGINES`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from dikast.agents.models.engine import EngineModel
from dikast.agents.models.load import load_model
from tests.contract import script
from tests.contract.engines import Engine
from tests.contract.requests import (
    FORMS,
    GREEDY,
    LETTERS,
    LOGPROBS,
    LONG,
    LONG_PROMPT_WORDS,
    MANY,
    NAMED,
    SAMPLES,
    SCORED_TEXT,
    SHORT,
    TEXT_PREFIX,
    TOLD,
    continued,
    emptied,
    of_length,
    ranked,
    scored,
    spelled,
    stopped,
)
from tests.loopback import CONTEXT_WORDS, THINKER, Loopback

ENGINES = ["scripted", "replay", "server", "openvino"]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    return request.getfixturevalue(f"{request.param}_engine")


@pytest.fixture(scope="session")
def loopback() -> Iterator[Loopback]:
    with Loopback(seconds_per_word=script.SECONDS_PER_WORD) as server:
        yield server


@pytest.fixture
def scripted_engine() -> Engine:
    model = load("scripted:tests.contract.script:speaker")
    return Engine(model, held=lambda: len(script.held), continues=False, tells_tokens=False, scores=False)


@pytest.fixture
def server_engine(loopback: Loopback) -> Engine:
    return Engine(
        load(f"server:{loopback.url}#{THINKER}"),
        alternatives=16,
        reasoning=True,
        context_words=CONTEXT_WORDS,
        held=lambda: loopback.in_flight,
    )


@pytest.fixture(scope="session")
def recording(loopback: Loopback, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the loopback server said to every request of the suite."""
    path = tmp_path_factory.mktemp("replay") / "replies.jsonl"
    asyncio.run(record(load(f"replay:{path}?record=server:{loopback.url}#{THINKER}")))
    return path


async def record(model: EngineModel) -> None:
    [first] = await model.complete(GREEDY)
    [told] = await model.complete(TOLD)
    letters = [(await model.complete(letter))[0] for letter in LETTERS]
    requests = [SHORT, SAMPLES, LONG, *FORMS.values(), *LOGPROBS.values(), *MANY, *NAMED]
    requests += [stopped(first), emptied(first), of_length(LONG_PROMPT_WORDS)]
    requests += [TEXT_PREFIX, SCORED_TEXT, *continued(told), *ranked(told), scored(told), spelled(letters)]
    await asyncio.gather(*(model.complete(request) for request in requests))


@pytest.fixture
def replay_engine(recording: Path) -> Engine:
    return Engine(load(f"replay:{recording}"), alternatives=16, reasoning=True, takes_time=False)


@pytest.fixture(scope="session")
def openvino_model() -> EngineModel:
    """One for all tests: opening it takes a second, and it has to bear one event loop after another."""
    pytest.importorskip("openvino_genai", reason="needs the extra cpu: openvino-genai")
    from dikast.agents.models.catalog import pull

    pull("smollm2-135m")
    return load("openvino:smollm2-135m")


@pytest.fixture
def openvino_engine(openvino_model: EngineModel) -> Engine:
    from dikast.agents.models.openvino.model import OpenVinoModel

    assert isinstance(openvino_model, OpenVinoModel)
    held = openvino_model.requests_held
    return Engine(openvino_model, alternatives=0, context_words=20_000, held=held, scores=False)


def load(spec: str) -> EngineModel:
    model = load_model(spec)
    assert isinstance(model, EngineModel)
    return model
