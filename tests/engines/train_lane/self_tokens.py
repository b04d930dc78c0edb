"""BASH and RAC over real models: from questions to rows of token ids to weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from dikast.agents.models.request import Request, Sampling
from dikast.agents.models.transformers.model import TransformersModel
from dikast.errors import DataError, UsageError
from dikast.graphs import self_tokens
from dikast.graphs.self_tokens import correcting
from dikast.graphs.self_tokens.context import Context
from dikast.graphs.self_tokens.mixing import stream_of
from dikast.graphs.self_tokens.roles import ModelTokenSolver
from dikast.graphs.self_tokens.speaking import SEEDS
from dikast.graphs.self_tokens.training import KINDS, Made, candidates
from dikast.jobs.exports import LeftOut
from dikast.training.backend.tokens import IGNORED, sft_columns, tokens_columns
from dikast.training.corrections import CUE, correction
from dikast.training.exports import sift
from dikast.training.recipes import SftRecipe, TokensRecipe
from dikast.training.trainer import plan, train
from tests.contract.requests import ask
from tests.engines.train_lane.conftest import load
from tests.engines.train_lane.trainer import assert_same_weights, kill_at, logprobs, losses, made, opened

EXACT = 1e-6
WORDS = " stone north cloud lamp red blue seven tree"
QUESTIONS = [{"prompt": f"red {at}", "reference": WORDS[: 12 + 6 * at], "id": str(at)} for at in range(5)]
Row = dict[str, Any]


async def rows_of(
    model: TransformersModel, which: Made, questions: Sequence[Row] = QUESTIONS, **knobs: Any
) -> list[Row]:
    """A run in this process, as its rows would be exported."""
    graph: Any = self_tokens.graph
    context = Context(solver=ModelTokenSolver(model), **knobs)
    records: list[Row] = []
    for one in questions:
        for epoch in range(context.epochs):
            given = {**one, "question": one["id"], "epoch": epoch}
            output = await graph.ainvoke(given, context=context)
            records.append({"key": one["id"], "input": given, "output": output, "outcome": output["outcome"]})
    found = list(sift(candidates(which, records, context), KINDS[which]))
    return [one[1] for one in found if not isinstance(one, LeftOut)]


def plain(row: Row) -> Row:
    [question] = [one for one in QUESTIONS if one["prompt"] == row["prompt"][0]["content"]]
    return {"prompt": row["prompt"], "completion": [{"role": "assistant", "content": question["reference"]}]}


def hand(model: Any, rows: Sequence[Mapping[str, Any]]) -> float:
    """The mean loss of the labels of some columns, by a plain log-softmax."""
    torch: Any = import_module("torch")
    total, count = 0.0, 0
    for row in rows:
        with torch.no_grad():
            logs = torch.log_softmax(model(torch.tensor([row["input_ids"]])).logits[0], -1)
        for place, label in enumerate(row["labels"]):
            if label != IGNORED:
                total, count = total - float(logs[place - 1, label]), count + 1
    return total / count


async def test_at_p_0_it_is_fine_tuning(tiny: TransformersModel, folder: Path, tmp_path: Path) -> None:
    rows, spec = await rows_of(tiny, "bash", p=0.0, rac=False), f"transformers:{folder}"
    _, speaker = opened(folder)
    assert len(rows) == len(QUESTIONS)
    for row in rows:
        assert tokens_columns(row, speaker) == sft_columns(plain(row), speaker)
    ours = train(TokensRecipe(steps=1, batch_size=5, lora_rank=0), rows, spec, tmp_path / "ours")
    theirs = train(SftRecipe(steps=1, batch_size=5, lora_rank=0), list(map(plain, rows)), spec, tmp_path / "theirs")
    assert ours.first_loss == pytest.approx(theirs.first_loss, abs=EXACT)
    assert (ours.rows, ours.tokens) == (theirs.rows, theirs.tokens)


@pytest.mark.parametrize("draws", ["parallel", "sequential"])
async def test_the_loss_is_the_references_after_own_tokens(
    tiny: TransformersModel, folder: Path, tmp_path: Path, draws: str
) -> None:
    rows = await rows_of(tiny, "bash", p=0.6, rac=False, draws=draws)
    model, speaker = opened(folder)
    columns = [tokens_columns(row, speaker) for row in rows]
    assert sum(sum(row["own"]) for row in rows) > 5
    assert any(
        one["input_ids"] != sft_columns(plain(row), speaker)["input_ids"]
        for one, row in zip(columns, rows, strict=True)
    )
    for one, row in zip(columns, rows, strict=True):
        assert one["labels"] == sft_columns(plain(row), speaker)["labels"]
        assert one["input_ids"][-1] == speaker.tokenizer.eos_token_id
    done = train(TokensRecipe(steps=1, batch_size=5, lora_rank=0), rows, f"transformers:{folder}", tmp_path / "out")
    assert done.first_loss == pytest.approx(hand(model, columns), abs=EXACT)
    assert abs(done.first_loss - hand(model, [sft_columns(plain(row), speaker) for row in rows])) > 1e-3


async def test_sequential_at_p_1_is_the_engines_own_generation(tiny: TransformersModel) -> None:
    [row] = await rows_of(tiny, "bash", QUESTIONS[4:], p=1.0, rac=False, draws="sequential")
    count, stream = len(row["labels"]), stream_of(seed=0, key="4", epoch=0)
    stream.random(count)
    seed = int(stream.integers(SEEDS, size=count)[0])
    request = Request(ask("red 4").messages, Sampling(max_tokens=count, temperature=1.0, seed=seed), tokens=True)
    [reply] = await tiny.complete(request)
    assert tuple(row["input_ids"]) == reply.tokens


async def test_parallel_draws_follow_the_models_own_distribution(tiny: TransformersModel) -> None:
    """400 draws behind one true prefix against the softmax there: total variation within chance."""
    [row] = await rows_of(tiny, "bash", QUESTIONS[:1], p=0.0, rac=False)
    epochs = 400
    drawn = await rows_of(tiny, "bash", QUESTIONS[:1], p=1.0, rac=False, epochs=epochs)
    request = Request(ask("red 0").messages, Sampling(), prefix=tuple(row["labels"][:1]), completion="x", logprobs=16)
    [reply] = await tiny.complete(request)
    assert reply.logprobs is not None
    likely = math.exp(reply.logprobs[0].top[0][1])
    best = tiny_token(tiny, reply.logprobs[0].top[0][0])
    seen = sum(one["input_ids"][1] == best for one in drawn) / epochs
    assert abs(seen - likely) < 4 * math.sqrt(likely * (1 - likely) / epochs)


def tiny_token(tiny: TransformersModel, text: str) -> int:
    [token] = opened(Path(tiny.target))[1].tokenizer.encode(text, add_special_tokens=False)
    return token


def test_a_correction_is_trained_on_the_reference_alone(folder: Path, tmp_path: Path) -> None:
    question, answer = [{"role": "user", "content": "red 0"}], [{"role": "assistant", "content": " salt"}]
    row = correction(question, answer, [{"role": "assistant", "content": " stone north"}])
    model, speaker = opened(folder)
    columns = sft_columns(row, speaker)
    trained = [label for label in columns["labels"] if label != IGNORED]
    assert speaker.tokenizer.decode(trained) == " stone north<|im_end|>"
    prompt, completion = speaker.pair(row["prompt"], row["completion"])
    assert columns["labels"] == [*([IGNORED] * len(prompt)), *completion]
    assert f"assistant\n salt<|im_end|>\n<|im_start|>user\n{CUE}" in speaker.tokenizer.decode(prompt)
    done = train(SftRecipe(steps=1, batch_size=1, lora_rank=0), [row], f"transformers:{folder}", tmp_path / "out")
    loss = -float(logprobs(model, prompt, completion).sum()) / len(completion)
    assert done.first_loss == pytest.approx(loss, abs=EXACT)


async def test_epochs_come_in_their_order(tiny: TransformersModel, folder: Path, tmp_path: Path) -> None:
    rows = await rows_of(tiny, "bash", p=0.8, rac=False, epochs=3, schedule="linear")
    spec, recipe = f"transformers:{folder}", TokensRecipe(batch_size=1, lora_rank=0, learning_rate=1e-12)
    columns = plan(recipe, rows, spec).columns
    model, speaker = opened(folder)
    epochs = [{row["epoch"] for row in rows if tokens_columns(row, speaker) == one} for one in columns]
    assert all(place // 5 in found for place, found in enumerate(epochs))  # short rows may be the same in two epochs
    assert sum(found == {2} for found in epochs[10:]) >= 3
    done = train(recipe, rows, spec, tmp_path / "out")
    assert [one["loss"] for one in losses(done.folder)] == pytest.approx(
        [hand(model, [one]) for one in columns], abs=1e-4
    )
    shuffled = plan(recipe.model_copy(update={"by_epoch": False}), rows, spec).columns
    assert [list(one["labels"]) for one in shuffled] == [tokens_columns(row, speaker)["labels"] for row in rows]


async def test_killed_and_gone_on_is_the_same_as_never_stopped(
    tiny: TransformersModel, folder: Path, tmp_path: Path
) -> None:
    rows, spec = await rows_of(tiny, "bash", p=0.5, rac=False, epochs=2), f"transformers:{folder}"
    recipe = TokensRecipe(save_every=2, batch_size=2, learning_rate=1e-2)
    whole = train(recipe, rows, spec, tmp_path / "whole")
    kill_at(3, recipe, rows, spec, tmp_path / "killed")
    again = train(recipe, rows, spec, tmp_path / "killed")
    assert_same_weights(made(again), made(whole))
    assert (again.steps, again.loss) == (whole.steps, pytest.approx(whole.loss, abs=EXACT))


def test_ids_of_another_models_tokenizer_are_refused(folder: Path, tmp_path: Path) -> None:
    talk = [{"role": "user", "content": "red"}]
    spec = f"transformers:{folder}"
    with pytest.raises(UsageError, match="token id 90000, of"):
        train(TokensRecipe(steps=1), [{"prompt": talk, "input_ids": [5], "labels": [90_000]}], spec, tmp_path / "a")
    with pytest.raises(DataError, match="no tokens row"):
        train(TokensRecipe(steps=1), [{"prompt": talk, "input_ids": [5, 6], "labels": [5]}], spec, tmp_path / "b")


FACTS: list[Row] = [
    {"prompt": "What is the capital of France?", "reference": "It is Paris.", "id": "a"},
    {"prompt": "What is 2 + 2?", "reference": "It is 4.", "id": "b"},
    {"prompt": "Name the first month.", "reference": "It is January.", "id": "c"},
    {"prompt": "Is water wet?", "reference": "Yes, it is.", "id": "d"},
]


async def test_smollm2_goes_the_whole_way(tmp_path: Path) -> None:
    spec = "transformers:smollm2-135m"
    model = load(spec)
    speaking = Sampling(temperature=1.0, max_tokens=12)
    bash = await rows_of(model, "bash", FACTS, p=0.5, rac=False, gap=2, speaking=speaking)
    rac = await rows_of(model, "rac", FACTS, bash=False, share=0.5, speaking=Sampling(temperature=0.7, max_tokens=40))
    await model.aclose()
    assert len(bash) == 4
    assert sum(sum(row["own"]) for row in bash) > 3
    mixed = train(TokensRecipe(steps=2, batch_size=2), bash, spec, tmp_path / "bash")
    corrected = train(SftRecipe(steps=2, batch_size=2), rac, spec, tmp_path / "rac")
    assert all(math.isfinite(one) for one in (mixed.loss, corrected.loss))
    trained = load(corrected.model)
    graph: Any = correcting.graph
    context = correcting.Context(solver=ModelTokenSolver(trained), speaking=Sampling(max_tokens=12))
    both = await graph.ainvoke(FACTS[0], context=context)
    await trained.aclose()
    assert both["draft"]["text"]
    assert both["correction"]["text"]
