"""Transfer Q* through `transformers:`: texts that can all be counted, a reward model, SmolLM2 by the command."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dikast.agents.models.request import MethodSampling
from dikast.agents.models.transformers.model import TransformersModel
from dikast.graphs import transfer_q
from dikast.graphs.rewards import load_reward, rewarding
from dikast.graphs.transfer_q.choosing import weighted
from dikast.graphs.transfer_q.voices import ModelWriter, load_writer
from tests.tiny_model import make_head

PROMPT = "red green"
GREEDY: dict[str, Any] = {
    "pick": "argmax",
    "sampling": MethodSampling(temperature=0.0),
    "guiding": MethodSampling(temperature=0.0),
    "rollouts": 1,
}


def worth(text: str) -> float:
    return (text.count("stone") + text.count("salt") / 2 + text.count("bird") / 4) / 2


@rewarding
def words(prompt: str, text: str, reference: str) -> float:
    return worth(text)


@rewarding
def different(prompt: str, text: str, reference: str) -> float:
    return len(set(text.split())) / 8


async def write(solver: ModelWriter, baseline: ModelWriter, prompt: str = PROMPT, **given: Any) -> transfer_q.Output:
    actors: dict[str, Any] = {"solver": solver, "baseline": baseline, "reward": words}
    made = transfer_q.Context(**{**actors, **given})
    return (await transfer_q.graph.ainvoke({"prompt": prompt}, context=made, version="v2")).value


async def test_values_come_to_their_exact_sums(tiny: TransformersModel) -> None:
    writer = load_writer(tiny)
    output = await write(writer, writer, block=1, horizon=2, k=4, rollouts=400, step_budget=1)
    [step] = output["steps"]
    for one in step["candidates"]:
        if one["ended"]:
            continue
        vocabulary = tiny_vocabulary(tiny)
        following = await writer.propose(PROMPT, tuple(one["tokens"]), vocabulary, role="solver")
        assert sum(math.exp(said.logprob) for said in following) == pytest.approx(1, abs=1e-3)
        ends = await writer.ends()
        exact = sum(
            math.exp(said.logprob) * worth(one["text"] + ("" if said.tokens[0] in ends else said.text))
            for said in following
        )
        spread = max(0.02, float(np.std(one["rewards"])))
        assert one["value"] == pytest.approx(exact, abs=5 * spread / math.sqrt(400))
    policy = [one["policy"] or 0.0 for one in step["candidates"]]
    priors, values = zip(*((one["logprob"], one["value"] or 0.0) for one in step["candidates"]), strict=True)
    assert policy == pytest.approx(weighted(priors, values, weight=1.0).tolist())


def tiny_vocabulary(tiny: TransformersModel) -> int:
    config = json.loads((Path(tiny.target) / "config.json").read_text())
    return config["vocab_size"]


async def test_greedily_and_without_weight_it_is_the_model_itself(tiny: TransformersModel) -> None:
    writer = load_writer(tiny)
    guided = await write(writer, writer, **GREEDY, block=1, horizon=6, k=3, weight=0.0)
    own = await writer.go_on(PROMPT, (), 6, sampling=GREEDY["sampling"], role="solver")
    assert tuple(guided["tokens"]) == own.tokens
    assert guided["text"] == own.text
    assert not guided["seam"]
    placed = await writer.whole(PROMPT, own.tokens, role="solver")
    chosen = [step["candidates"][step["chosen"]]["logprob"] for step in guided["steps"]]
    assert sum(chosen) == pytest.approx(placed.logprob, abs=1e-3)
    assert guided["kl"] == pytest.approx(-placed.logprob, abs=1e-3)


async def test_a_reward_guides_chunks_and_is_a_trained_head_s(
    tiny: TransformersModel, folder: Path, tmp_path: Path
) -> None:
    writer, head = load_writer(tiny), make_head(folder, tmp_path / "head")
    given: dict[str, Any] = {"block": 3, "horizon": 6, "k": 4, "rollouts": 2, "weight": 20.0}
    rewards: dict[str, list[float]] = {"plain": [], "transfer_q": []}
    for decoder, at in itertools.product(rewards, range(6)):
        made = await write(writer, writer, f"{PROMPT} {at}", decoder=decoder, **given)
        rewards[decoder].append(made["reward"] or 0.0)
    assert np.mean(rewards["transfer_q"]) > np.mean(rewards["plain"])
    valued = await write(writer, writer, reward=load_reward(f"head:transformers:{head}"), **given)
    assert valued["outcome"] == "ok"
    assert valued["reward"] is not None
    assert all(one["value"] is not None for one in valued["steps"][0]["candidates"])


async def test_other_vocabularies_are_found_out(tiny: TransformersModel) -> None:
    small, other = load_writer(tiny), load_writer("transformers:smollm2-135m")
    made = await write(small, other, block=4, horizon=4, k=2, rollouts=1)
    assert not made["shared"]
    assert made["outcome"] == "ok"


def test_smollm2_by_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from dikast.cli import app

    monkeypatch.chdir(tmp_path)
    Path("p.csv").write_text("prompt\nName three colours.\nWrite one line about the sea.\n")
    spec, reward = "transformers:smollm2-135m", f"function:{different.function.__module__}:different"
    command = ["transfer-q", "run", "--prompts", "p.csv", "--solver", spec, "--baseline", spec, "--reward", reward]
    knobs = ["--block", "4", "--horizon", "8", "--k", "3", "--rollouts", "2", "--token-budget", "2000", "-o", "run"]
    done = CliRunner().invoke(app, [*command, *knobs, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["rows"], told["failed"], told["rewarded"], told["by_text"]) == (2, 0, 2, 0)
    assert 0 < told["rollout_tokens"] <= 4000
    assert told["fluency"] < 0
