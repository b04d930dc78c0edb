"""What `dikast.training.trainer` promises, over a tiny model: formulas, resume to the same weights, bad input."""

from __future__ import annotations

import asyncio
import json
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from dikast.agents.models.request import Request, Sampling
from dikast.errors import DataError, ResumeMismatchError, TrainingError, UsageError
from dikast.training.backend.tokens import IGNORED, Speaker
from dikast.training.recipes import DpoRecipe, GrpoRecipe, Recipe, RewardRecipe, SftRecipe, ValueRecipe
from dikast.training.trainer import Trained, plan, train
from tests.contract.requests import ask
from tests.engines.train_lane.conftest import load
from tests.tiny_model import make, make_adapter

EXACT = 1e-6
Row = dict[str, Any]


def asked(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


SFT: list[Row] = [{"prompt": asked(f"red {at}"), "completion": said(" stone north")} for at in range(12)]
WHOLE: list[Row] = [{"messages": [*row["prompt"], *row["completion"]]} for row in SFT]
PAIRS: list[Row] = [
    {"prompt": asked(f"red {at}"), "chosen": said(" stone north" * (at % 3 + 1)), "rejected": said(" salt tree seven")}
    for at in range(12)
]
VALUES: list[Row] = [
    {"prompt": asked("red" if at % 2 else "salt"), "completion": said(f" stone {at}"), "value": float(at % 2)}
    for at in range(16)
]
TRAININGS: list[tuple[Recipe, list[Row]]] = [
    (SftRecipe(steps=3), SFT),
    (SftRecipe(steps=3, lora_rank=0, schedule="constant"), WHOLE),
    (DpoRecipe(steps=3, sft_weight=0.005), PAIRS),
    (DpoRecipe(steps=3, lora_rank=0, loss="sigmoid_norm"), PAIRS),
    (DpoRecipe(steps=3, ld_alpha=0.3, loss="ipo"), PAIRS),
    (ValueRecipe(steps=3), VALUES),
    (RewardRecipe(steps=3), PAIRS),
]


def said_by(row: Row) -> str:
    return str(row["completion"][0]["content"])


async def values_by(spec: str, asked: Sequence[Request]) -> list[float]:
    """What a value head says, of all at once."""
    model = load(spec)
    try:
        replies = await asyncio.gather(*(model.complete(request) for request in asked))
    finally:
        await model.aclose()
    return [reply.value for [reply] in replies if reply.value is not None]


def never(told: Mapping[str, Any]) -> None:
    pytest.fail(f"trained: {told}")


def tensors(folder: Path) -> dict[str, Any]:
    read: Any = import_module("safetensors.torch")
    return {
        name: value for path in sorted(folder.glob("*.safetensors")) for name, value in read.load_file(path).items()
    }


def assert_same_weights(one: Path, other: Path, within: float = EXACT) -> None:
    mine, theirs = tensors(one), tensors(other)
    assert mine.keys() == theirs.keys()
    assert mine
    for name, value in mine.items():
        assert float((value - theirs[name]).abs().max()) <= within, name


def losses(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "losses.jsonl").read_text().splitlines()]


def opened(folder: Path, adapter: str = "") -> tuple[Any, Speaker]:
    transformers: Any = import_module("transformers")
    model = transformers.AutoModelForCausalLM.from_pretrained(str(folder), dtype="float32")
    if adapter:
        model = import_module("peft").PeftModel.from_pretrained(model, adapter).merge_and_unload()
    return model.eval(), Speaker(transformers.AutoTokenizer.from_pretrained(str(folder)))


def logprobs(model: Any, prompt: Sequence[int], completion: Sequence[int]) -> Any:
    """Each completion token's log-probability, by a plain log-softmax."""
    torch: Any = import_module("torch")
    with torch.no_grad():
        logits = model(torch.tensor([[*prompt, *completion]])).logits[0, len(prompt) - 1 : -1]
    return torch.log_softmax(logits, -1)[range(len(completion)), list(completion)]


@pytest.mark.parametrize(("recipe", "rows"), TRAININGS, ids=lambda one: getattr(one, "kind", ""))
def test_each_trainer_takes_three_steps(folder: Path, tmp_path: Path, recipe: Recipe, rows: list[Row]) -> None:
    seen: list[Mapping[str, Any]] = []
    with_provenance = [{**row, "source": "here", "margin": 2} for row in rows]
    done = train(recipe, with_provenance, f"transformers:{folder}", tmp_path / "out", on_step=seen.append)
    assert (done.steps, done.rows, done.left_out) == (3, len(rows), {})
    assert [one["step"] for one in seen] == [1, 2, 3]
    assert [one["loss"] for one in losses(done.folder)] == [one["loss"] for one in seen]
    assert (done.first_loss, done.loss) == (seen[0]["loss"], seen[-1]["loss"])
    assert done.tokens > 0
    assert all(math.isfinite(one["loss"]) for one in seen)
    manifest = json.loads((done.folder / "manifest.json").read_text())
    assert manifest["recipe"] == recipe.model_dump(mode="json")
    assert manifest["finished"]["digest"] == done.digest
    assert "transformers" in manifest["attempts"][0]["versions"]
    assert done.digest in (done.folder / "README.md").read_text()
    assert (done.folder / "checkpoints" / "checkpoint-3" / "optimizer.pt").is_file()
    again = train(recipe, rows, f"transformers:{folder}", tmp_path / "out", on_step=never)
    assert again == done


async def test_what_was_trained_opens_and_speaks_otherwise(folder: Path, tmp_path: Path) -> None:
    prompt = Request(ask("red").messages, Sampling(max_tokens=4), completion=" stone north")
    scores: list[float] = []
    whole = train(SftRecipe(steps=6, lora_rank=0, learning_rate=1e-2), SFT, f"transformers:{folder}", tmp_path / "a")
    part = train(SftRecipe(steps=6, learning_rate=1e-1), SFT, f"transformers:{folder}?max_tokens=4", tmp_path / "b")
    assert part.model == f"transformers:{folder}?lora={part.folder}/adapter&max_tokens=4"
    for spec in (f"transformers:{folder}", whole.model, part.model):
        model = load(spec)
        [reply] = await model.complete(prompt)
        scores.append(sum(token.logprob for token in reply.logprobs or ()))
        await model.aclose()
    assert min(scores[1:]) > scores[0] + 1


def test_sft_loss_is_the_completions_alone(folder: Path, tmp_path: Path) -> None:
    model, speaker = opened(folder)
    recipe = SftRecipe(steps=1, batch_size=3, lora_rank=0)
    rows = [{"prompt": asked(f"red {'stone ' * at}"), "completion": said(" north" * (at + 1))} for at in range(3)]
    tokens = [logprobs(model, *speaker.pair(row["prompt"], row["completion"])) for row in rows]
    hand = -float(sum(each.sum() for each in tokens)) / sum(len(each) for each in tokens)
    done = train(recipe, rows, f"transformers:{folder}", tmp_path / "pairs")
    assert done.first_loss == pytest.approx(hand, abs=EXACT)
    talks = [{"messages": [*row["prompt"], *row["completion"]]} for row in rows]
    assert train(recipe, talks, f"transformers:{folder}", tmp_path / "talks").first_loss == done.first_loss


def test_all_turns_of_an_assistant_are_trained_on_and_no_other_token(folder: Path) -> None:
    _, speaker = opened(folder)
    talk = [*asked("red<|im_end|>"), *said(" stone"), *asked("salt"), *said(" tree north")]
    ids, labels = speaker.conversation(talk)
    trained = [token for token in labels if token != IGNORED]
    assert speaker.tokenizer.decode(trained) == " stone<|im_end|> tree north<|im_end|>"
    assert [token for token, label in zip(ids, labels, strict=True) if label != IGNORED] == trained
    end = speaker.tokenizer.eos_token_id
    assert ids.count(end) == 4  # the one within the text is plain characters


def hand_dpo(folder: Path, reference: Any, rows: list[Row], recipe: DpoRecipe, adapter: str = "") -> float:
    """The mean loss of a batch, each log-probability summed by hand."""
    policy, speaker = opened(folder, adapter)
    found: list[float] = []
    likelihood: list[float] = []
    for row in rows:
        sides: list[tuple[float, int]] = []
        pair = [speaker.pair(row["prompt"], row[name]) for name in ("chosen", "rejected")]
        shared = min(len(completion) for _, completion in pair)
        for prompt, completion in pair:
            ratio = logprobs(policy, prompt, completion) - logprobs(reference, prompt, completion)
            beyond = float(ratio[shared:].sum()) * (1.0 if recipe.ld_alpha is None else recipe.ld_alpha)
            sides.append((float(ratio[:shared].sum()) + beyond, len(completion)))
        likelihood += [-float(one) for one in logprobs(policy, *pair[0])]
        [(won, longer), (lost, shorter)] = sides
        margin = won / longer - lost / shorter if recipe.loss == "sigmoid_norm" else won - lost
        found.append(math.log1p(math.exp(-recipe.beta * margin)))
    return sum(found) / len(found) + recipe.sft_weight * sum(likelihood) / len(likelihood)


@pytest.mark.parametrize(
    "recipe",
    [
        DpoRecipe(steps=1, batch_size=4),
        DpoRecipe(steps=1, batch_size=4, beta=0.5, sft_weight=0.3),
        DpoRecipe(steps=1, batch_size=4, loss="sigmoid_norm", beta=0.1),
        DpoRecipe(steps=1, batch_size=4, ld_alpha=0.3),
    ],
    ids=["sigmoid", "sft", "norm", "ld"],
)
def test_dpo_loss_is_the_formula_against_another_reference(folder: Path, tmp_path: Path, recipe: DpoRecipe) -> None:
    other = make(tmp_path / "other", seed=3)
    hand = hand_dpo(folder, opened(other)[0], PAIRS[:4], recipe)
    assert abs(hand - math.log(2)) > 1e-3
    done = train(recipe, PAIRS[:4], f"transformers:{folder}", tmp_path / "out", reference=f"transformers:{other}")
    assert done.first_loss == pytest.approx(hand, abs=EXACT)


def test_reference_is_the_model_as_it_is_at_the_start_of_each_training(folder: Path, tmp_path: Path) -> None:
    spec = f"transformers:{folder}"
    before = tensors(folder)
    first = train(DpoRecipe(steps=4, learning_rate=1e-2), PAIRS, spec, tmp_path / "one")
    second = train(DpoRecipe(steps=4, learning_rate=1e-2), PAIRS, first.model, tmp_path / "two")
    assert first.first_loss == second.first_loss == pytest.approx(math.log(2), abs=EXACT)
    assert first.loss < 0.68
    told = json.loads((second.folder / "manifest.json").read_text())["fingerprint"]["model"]
    assert told["lora"] == first.digest != second.digest
    assert second.model == f"{spec}?lora={second.folder}/adapter"
    third = train(DpoRecipe(steps=1), PAIRS[:4], first.model, tmp_path / "three", reference=spec)
    hand = hand_dpo(folder, opened(folder)[0], PAIRS[:4], DpoRecipe(), str(first.folder / "adapter"))
    assert third.first_loss == pytest.approx(hand, abs=1e-5)
    assert all(bool((value == before[name]).all()) for name, value in tensors(folder).items())


@pytest.mark.parametrize("rank", [0, 4])
def test_in_bfloat16_a_model_is_its_own_reference(folder: Path, tmp_path: Path, rank: int) -> None:
    recipe, spec = DpoRecipe(steps=1, dtype="bfloat16", lora_rank=rank), f"transformers:{folder}"
    for at, reference in enumerate((None, spec)):
        done = train(recipe, PAIRS, spec, tmp_path / str(at), reference=reference)
        assert done.first_loss == pytest.approx(math.log(2), abs=EXACT)


def test_an_adapter_is_gone_on_with_as_a_copy(folder: Path, tmp_path: Path) -> None:
    old = make_adapter(folder, tmp_path / "adapter", seed=1, spread=0.05)
    before = tensors(old)
    done = train(SftRecipe(steps=2), SFT, f"transformers:{folder}?lora={old}", tmp_path / "out")
    assert tensors(old).keys() == tensors(done.folder / "adapter").keys() == before.keys()
    shift = max(float((value - before[name]).abs().max()) for name, value in tensors(done.folder / "adapter").items())
    assert 0 < shift < 1e-3
    merged = train(SftRecipe(steps=2, lora_rank=0), SFT, f"transformers:{folder}?lora={old}", tmp_path / "all")
    assert merged.first_loss == pytest.approx(done.first_loss, abs=1e-4)
    assert merged.model == f"transformers:{merged.folder}/model"


def test_a_value_head_learns_and_opens(folder: Path, tmp_path: Path) -> None:
    torch: Any = import_module("torch")
    transformers: Any = import_module("transformers")
    recipe = ValueRecipe(epochs=12, learning_rate=5e-3, batch_size=8)
    done = train(recipe, VALUES, f"transformers:{folder}", tmp_path / "out", held=VALUES[:4])
    assert done.loss < 0.02 < done.first_loss
    assert done.held_loss is not None
    assert done.held_loss < 0.02
    model = transformers.AutoModelForSequenceClassification.from_pretrained(done.folder / "model").eval()
    _, speaker = opened(folder)
    asked = [Request(tuple(row["prompt"]), Sampling(), completion=said_by(row), value=True) for row in VALUES]
    for row, value in zip(VALUES, asyncio.run(values_by(done.model, asked)), strict=True):
        tokens = speaker.whole(row["prompt"], row["completion"])
        assert tokens[-1] == speaker.tokenizer.eos_token_id != model.config.pad_token_id
        with torch.no_grad():
            expected = float(model(torch.tensor([tokens])).logits)
        assert value == pytest.approx(expected, abs=EXACT * 10)
        assert value == pytest.approx(row["value"], abs=0.3)
    more = train(ValueRecipe(steps=1), VALUES, done.model, tmp_path / "more")
    assert more.first_loss < 0.05  # the head that was there, and no new one


def test_a_head_reads_its_number_off_at_the_end_of_the_turn(tmp_path: Path) -> None:
    """A tokenizer that pads with the token that ends a turn had the head read off one token before."""
    folder = make(tmp_path / "padded")
    tokenizer: Any = import_module("transformers").AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.save_pretrained(folder)
    done = train(ValueRecipe(steps=1), VALUES, f"transformers:{folder}", tmp_path / "out")
    config = json.loads((done.folder / "model" / "config.json").read_text())
    assert config["pad_token_id"] != config["eos_token_id"]


def test_a_reward_model_prefers_the_chosen(folder: Path, tmp_path: Path) -> None:
    done = train(RewardRecipe(epochs=8, learning_rate=5e-3), PAIRS, f"transformers:{folder}", tmp_path / "out")
    assert done.loss < 0.1 < done.first_loss
    for row in PAIRS[:3]:
        texts = [row[side][0]["content"] for side in ("chosen", "rejected")]
        asked = [Request(tuple(row["prompt"]), Sampling(), completion=text, value=True) for text in texts]
        chosen, rejected = asyncio.run(values_by(done.model, asked))
        assert chosen > rejected


def longer(prompts: list[Any], completions: list[Any], **rest: Any) -> list[float]:
    return [float(len(one[0]["content"])) for one in completions]


def test_grpo_by_rewards_and_by_a_rollout_function(folder: Path, tmp_path: Path) -> None:
    rows: list[Row] = [{"prompt": asked(f"red {at}"), "answer": "north"} for at in range(4)]
    recipe = GrpoRecipe(steps=2, group=4, batch_size=4, completion_length=6, learning_rate=1e-3)
    done = train(recipe, rows, f"transformers:{folder}", tmp_path / "rewards", rewards=[longer])
    assert done.steps == 2
    calls: list[int] = []

    def rollout(prompts: list[Any], trainer: Any) -> dict[str, Any]:
        calls.append(len(prompts))
        ids = trainer.processing_class(" north stone", add_special_tokens=False)["input_ids"]
        texts = [trainer.processing_class.apply_chat_template(one, add_generation_prompt=True) for one in prompts]
        count = len(prompts)
        return {
            "prompt_ids": [text["input_ids"] if isinstance(text, Mapping) else text for text in texts],
            "completion_ids": [ids] * count,
            "logprobs": [[-1.0] * len(ids)] * count,
            "env_mask": [[0, *([1] * (len(ids) - 1))]] * count,
        }

    train(recipe, rows, f"transformers:{folder}", tmp_path / "rollout", rewards=[longer], rollout=rollout)
    assert calls
    with pytest.raises(UsageError, match="no multiple of the group"):
        train(recipe.model_copy(update={"group": 3}), rows, f"transformers:{folder}", tmp_path / "x", rewards=[longer])


KILLED = """
import os, signal, sys
from pathlib import Path
from dikast.training.recipes import RECIPES
from dikast.training.trainer import train
import json
kind, recipe, rows, spec, out, last = json.loads(sys.argv[1])
def on_step(told):
    if told["step"] == last:
        os.kill(os.getpid(), signal.SIGKILL)
train(RECIPES[kind](**recipe), rows, spec, Path(out), on_step=on_step)
"""


def kill_at(step: int, recipe: Recipe, rows: list[Row], spec: str, out: Path) -> None:
    given = json.dumps([recipe.kind, recipe.model_dump(mode="json"), rows, spec, str(out), step])
    done = subprocess.run([sys.executable, "-c", KILLED, given], env=dict(os.environ), capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.parametrize(
    ("recipe", "rows"),
    [
        (SftRecipe(steps=7, save_every=2, accumulation=2, batch_size=2, learning_rate=1e-2), SFT),
        (DpoRecipe(epochs=2, save_every=2, lora_rank=0, learning_rate=1e-3), PAIRS),
        (ValueRecipe(epochs=2, save_every=3), VALUES),
    ],
    ids=["sft", "dpo", "value"],
)
def test_killed_and_gone_on_is_the_same_as_never_stopped(
    folder: Path, tmp_path: Path, recipe: Recipe, rows: list[Row]
) -> None:
    spec, steps = f"transformers:{folder}", list[int]()
    whole = train(recipe, rows, spec, tmp_path / "whole")
    kill_at(5, recipe, rows, spec, tmp_path / "killed")
    torn = tmp_path / "killed" / "checkpoints" / "checkpoint-5"
    torn.mkdir()  # what a kill within a save leaves
    (torn / "trainer_state.json").write_text("{")
    again = train(recipe, rows, spec, tmp_path / "killed", on_step=lambda told: steps.append(told["step"]))
    assert steps == list(range(steps[0], whole.steps + 1))
    assert 2 <= steps[0] <= 5
    assert not torn.exists() or (torn / "whole").exists()
    assert_same_weights(made(again), made(whole))
    assert [one["loss"] for one in losses(again.folder)] == pytest.approx(
        [one["loss"] for one in losses(whole.folder)], abs=EXACT
    )
    assert (again.steps, again.tokens) == (whole.steps, whole.tokens)
    assert len(json.loads((again.folder / "manifest.json").read_text())["attempts"]) == 2


def made(done: Trained) -> Path:
    return next(done.folder / name for name in ("adapter", "model") if (done.folder / name).is_dir())


def test_an_adapter_that_is_gone_on_with_keeps_its_reference_over_a_kill(folder: Path, tmp_path: Path) -> None:
    old = make_adapter(folder, tmp_path / "adapter", seed=1, spread=0.05)
    spec, recipe = f"transformers:{folder}?lora={old}", DpoRecipe(steps=4, save_every=2, learning_rate=1e-2)
    whole = train(recipe, PAIRS, spec, tmp_path / "whole")
    kill_at(3, recipe, PAIRS, spec, tmp_path / "killed")
    assert_same_weights(made(train(recipe, PAIRS, spec, tmp_path / "killed")), made(whole))


def test_stopped_after_the_last_step_but_before_the_weights(folder: Path, tmp_path: Path) -> None:
    recipe, spec = SftRecipe(steps=3), f"transformers:{folder}"
    done = train(recipe, SFT, spec, tmp_path / "out")
    kept = tmp_path / "kept"
    shutil.copytree(made(done), kept)
    shutil.rmtree(made(done))
    manifest = json.loads((done.folder / "manifest.json").read_text())
    del manifest["finished"]
    (done.folder / "manifest.json").write_text(json.dumps(manifest))
    again = train(recipe, SFT, spec, tmp_path / "out", on_step=never)
    assert again.digest == done.digest
    assert_same_weights(made(again), kept, within=0)
    assert (again.steps, again.loss, again.first_loss) == (done.steps, done.loss, done.first_loss)


def test_what_on_step_raises_stops_it_and_it_goes_on(folder: Path, tmp_path: Path) -> None:
    recipe, spec = SftRecipe(steps=4, save_every=1), f"transformers:{folder}"

    def stop(told: Mapping[str, Any]) -> None:
        if told["step"] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, SFT, spec, tmp_path / "out", on_step=stop)
    attempt = json.loads((tmp_path / "out" / "manifest.json").read_text())["attempts"][0]
    assert attempt["stopped"].startswith("KeyboardInterrupt")
    steps: list[int] = []
    train(recipe, SFT, spec, tmp_path / "out", on_step=lambda told: steps.append(told["step"]))
    assert steps == [3, 4]


def test_another_recipe_rows_or_model_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    spec, out, other = f"transformers:{folder}", tmp_path / "out", make(tmp_path / "other", seed=5)
    first = train(SftRecipe(steps=1), SFT, spec, out)
    with pytest.raises(ResumeMismatchError, match=r"recipe\.learning_rate was 0\.0002, is now 0\.001"):
        train(SftRecipe(steps=1, learning_rate=1e-3), SFT, spec, out)
    with pytest.raises(ResumeMismatchError, match="the content of rows has changed"):
        train(SftRecipe(steps=1), SFT[1:], spec, out)
    with pytest.raises(ResumeMismatchError, match=r"the content of model\.weights has changed"):
        train(SftRecipe(steps=1), SFT, f"transformers:{other}", out)
    with pytest.raises(ResumeMismatchError, match="training was 'sft', is now 'dpo'"):
        train(DpoRecipe(steps=1), PAIRS, spec, out)
    assert train(SftRecipe(steps=1, save_every=7), SFT, spec, out) == first  # how it is kept changes nothing
    new = train(SftRecipe(steps=1), SFT[1:], spec, out, force_new=True)
    assert new.rows == len(SFT) - 1
    aside = train(SftRecipe(steps=1), SFT, spec, tmp_path / "out.old-1")
    assert (aside.digest, aside.model) == (first.digest, f"{spec}?lora={aside.folder}/adapter")
    shutil.rmtree(made(aside))
    with pytest.raises(DataError, match="what was trained is gone"):
        train(SftRecipe(steps=1), SFT, spec, aside.folder)


def test_a_training_that_diverges_stops_and_keeps_its_last_good_checkpoint(folder: Path, tmp_path: Path) -> None:
    recipe = SftRecipe(
        steps=200, learning_rate=1e30, save_every=1, lora_rank=0, max_grad_norm=0, schedule="constant", warmup=0.5
    )
    with pytest.raises(TrainingError, match="the training diverged"):
        train(recipe, SFT, f"transformers:{folder}", tmp_path / "out")
    kept = sorted((tmp_path / "out" / "checkpoints").iterdir())
    assert kept
    for checkpoint in kept:
        assert (checkpoint / "whole").is_file()
        assert all(bool(value.isfinite().all()) for value in tensors(checkpoint).values())


def test_rows_that_are_too_long_are_left_out_and_counted(folder: Path, tmp_path: Path) -> None:
    spec = f"transformers:{folder}"
    long = {"prompt": asked("stone " * 3000), "completion": said(" north")}
    told = plan(SftRecipe(max_length=100_000), [*SFT, long], spec)
    assert (told.rows, told.left_out, told.longest) == (12, {"longer than allowed": 1}, 2048)  # the model's context
    assert told.tokens == sum(len(one["input_ids"]) for one in told.columns)
    assert told.steps == 3
    done = train(SftRecipe(steps=1), [*SFT, long], spec, tmp_path / "out")
    assert done.left_out == {"longer than allowed": 1}
    with pytest.raises(DataError, match=r"no sft row to train on.*1: longer than allowed"):
        train(SftRecipe(), [long], spec, tmp_path / "none")
    with pytest.raises(DataError, match=r"no sft row to train on.*there is none"):
        train(SftRecipe(), [], spec, tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("recipe", "rows"),
    [
        (SftRecipe(epochs=1.5, batch_size=5, accumulation=2, lora_rank=2), SFT),
        (DpoRecipe(epochs=2, batch_size=7, accumulation=3, lora_rank=2), PAIRS[:11]),
    ],
    ids=["sft", "dpo"],
)
def test_the_plans_steps_and_tokens_are_those_that_are_taken(
    folder: Path, tmp_path: Path, recipe: Recipe, rows: list[Row]
) -> None:
    told = plan(recipe, rows, f"transformers:{folder}")
    done = train(recipe, rows, f"transformers:{folder}", tmp_path / "out")
    assert told.steps == done.steps
    if recipe.epochs == 2:
        assert done.tokens == 2 * told.tokens


@pytest.mark.parametrize(("steps", "rates"), [(4, [1.0, 0.75, 0.5, 0.25]), (10, [0.0, 1.0, 8 / 9])])
def test_the_rate_grows_and_falls_and_is_not_0_in_a_short_training(
    folder: Path, tmp_path: Path, steps: int, rates: list[float]
) -> None:
    recipe = SftRecipe(steps=steps, schedule="linear", lora_rank=2)
    done = train(recipe, SFT, f"transformers:{folder}", tmp_path / "out")
    seen = [one["learning_rate"] / recipe.learning_rate for one in losses(done.folder)]
    assert seen[: len(rates)] == pytest.approx(rates)


def test_gradient_checkpointing_changes_no_loss(folder: Path, tmp_path: Path) -> None:
    for at, (recipe, rows) in enumerate([(SftRecipe(steps=2), SFT), (ValueRecipe(steps=2), VALUES)]):
        plain = train(recipe, rows, f"transformers:{folder}", tmp_path / f"plain{at}")
        less = recipe.model_copy(update={"gradient_checkpointing": True})
        assert train(less, rows, f"transformers:{folder}", tmp_path / f"less{at}").loss == pytest.approx(plain.loss)


def test_layers_that_the_model_does_not_have_are_refused(folder: Path, tmp_path: Path) -> None:
    spec = f"transformers:{folder}"
    with pytest.raises(UsageError, match="the model has no layer 'w1'") as raised:
        train(SftRecipe(lora_targets=("q_proj", "w1")), SFT, spec, tmp_path / "a")
    assert "q_proj" in raised.value.hint
    with pytest.raises(UsageError, match=r"the trainer refuses the recipe: .*lm_head"):
        train(DpoRecipe(lora_targets=("lm_head",)), PAIRS, spec, tmp_path / "b")


def test_an_adapter_of_another_base_model_is_refused(folder: Path, tmp_path: Path) -> None:
    ours = train(SftRecipe(steps=1), SFT, f"transformers:{folder}", tmp_path / "out")
    twin = make(tmp_path / "twin", seed=9)  # of the same shape
    with pytest.raises(UsageError, match="belongs to another base model"):
        train(SftRecipe(steps=1), SFT, f"transformers:{twin}?lora={ours.folder}/adapter", tmp_path / "x")
    wide = make(tmp_path / "wide", width=96)
    foreign = make_adapter(wide, tmp_path / "foreign")
    with pytest.raises(UsageError, match="does not fit the model") as raised:
        train(SftRecipe(steps=1), SFT, f"transformers:{folder}?lora={foreign}", tmp_path / "y")
    assert "another base model" in raised.value.hint


def test_a_chat_template_without_a_generation_prompt_is_told(folder: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(folder, bare)
    path = bare / "chat_template.jinja"
    head, _, _ = path.read_text().partition("{% if add_generation_prompt")
    path.write_text(head)
    with pytest.raises(UsageError, match="no generation prompt"):
        train(SftRecipe(steps=1), SFT, f"transformers:{bare}", tmp_path / "out")


def test_memory_that_runs_out_is_told_in_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformers: Any = import_module("transformers")

    def full(*given: Any, **rest: Any) -> None:
        raise import_module("torch").OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(transformers.Trainer, "training_step", full)
    with pytest.raises(TrainingError, match=r"^out of memory") as raised:
        train(ValueRecipe(steps=1), VALUES, f"transformers:{folder}", tmp_path / "out")
    assert "--batch-size" in raised.value.hint


def test_a_full_disk_is_told_and_the_last_checkpoint_stays(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformers: Any = import_module("transformers")
    save, spec = transformers.Trainer._save_optimizer_and_scheduler, f"transformers:{folder}"

    def full(self: Any, place: str) -> None:
        if self.state.global_step == 4:
            raise OSError(28, "No space left on device", place)
        save(self, place)

    monkeypatch.setattr(transformers.Trainer, "_save_optimizer_and_scheduler", full)
    recipe, steps = SftRecipe(steps=5, save_every=2), list[int]()
    with pytest.raises(DataError, match="No space left on device") as raised:
        train(recipe, SFT, spec, tmp_path / "out")
    assert "free some space" in raised.value.hint
    monkeypatch.undo()
    train(recipe, SFT, spec, tmp_path / "out", on_step=lambda told: steps.append(told["step"]))
    assert steps == [3, 4, 5]


def test_two_processes_train_as_one_of_twice_the_batch(folder: Path, tmp_path: Path) -> None:
    spec, seen = f"transformers:{folder}", list[tuple[int, int]]()
    given: dict[str, Any] = {"steps": 3, "lora_dropout": 0.0, "learning_rate": 1e-3}
    two = SftRecipe(**given, processes=2, batch_size=2)
    done = train(two, SFT, spec, tmp_path / "two", on_step=lambda told: seen.append((told["step"], told["steps"])))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    one = train(SftRecipe(**given, batch_size=4), SFT, spec, tmp_path / "one")
    assert (done.steps, done.tokens) == (one.steps, one.tokens)
    assert_same_weights(made(done), made(one), within=1e-4)


def test_the_command_trains_once_and_talks_on_stderr(folder: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(f"{json.dumps(row)}\n" for row in [*SFT, {**SFT[0], "completion": said(" ")}]))
    command = [sys.executable, "-m", "dikast.cli", "train", "sft", "--rows", str(rows), "--model"]
    command += [f"transformers:{folder}", "-o", "out", "--steps", "3", "--save-every", "1", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert (told["steps"], told["rows"], told["left_out"]) == (3, 12, {"a text is empty": 1})
    assert done.stderr.splitlines()[-2:] == [
        f"step 3 of 3, loss {told['loss']:.4f}",
        "note: 1 left out: a text is empty",
    ]
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(again.stdout) == told
    refused = subprocess.run([*command, "--seed", "1"], cwd=tmp_path, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "recipe.seed was 0, is now 1" in refused.stderr
