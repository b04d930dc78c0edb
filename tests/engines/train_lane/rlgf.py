"""RLGF over a tiny model: what TRL makes of a collector's texts, beside a plain loop; our own update; speakers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dikast.errors import ResumeMismatchError, UsageError
from dikast.graphs import rlgf
from dikast.graphs.rewards import load_reward, rewarding
from dikast.graphs.rlgf.advantages import Ppo
from dikast.graphs.rlgf.collecting import Speaker, collect, draw_plans
from dikast.graphs.rlgf.grouping import Member, collect_groups
from dikast.graphs.rlgf.rollout import RewardFunction, Rolling, prompt_ids, sampled_tokens
from dikast.graphs.rlgf.schedules import Collector
from dikast.graphs.rlgf.torch_ppo import Learner
from dikast.graphs.rlgf.torch_speaker import TorchSpeaker, frozen_copy
from dikast.graphs.rlgf.turns import Plan, Written
from dikast.graphs.rlgf.voices import load_guide, load_policy
from dikast.training.backend.bases import base_of
from dikast.training.backend.libraries import muted
from dikast.training.backend.opening import Start, open_start
from dikast.training.backend.rollouts import grpo_trainer
from dikast.training.backend.trainers import arguments
from dikast.training.recipes import GrpoRecipe
from dikast.training.stopping import Cancelled
from dikast.training.trainer import Trained, train

EXACT = 1e-5
HORIZON, GROUP = 6, 4
ROWS: list[dict[str, Any]] = [{"prompt": [{"role": "user", "content": f"red {at}"}]} for at in range(4)]
RECIPE = GrpoRecipe(
    steps=1,
    group=GROUP,
    batch_size=8,
    completion_length=HORIZON,
    lora_rank=0,
    learning_rate=1e-3,
    max_grad_norm=0.0,
    schedule="constant",
    warmup=0.0,
)


@rewarding
def stones(prompt: str, text: str, reference: str) -> float:
    return float(text.count("stone") + text.count("salt") / 3)


def guide_of(model: Any, tokenizer: Any) -> Speaker:
    return TorchSpeaker(frozen_copy(model), ends=(tokenizer.eos_token_id,), seed=9, top_p=0.92, top_k=50)


def opened(folder: Path) -> Start:
    return open_start(base_of(f"transformers:{folder}"), RECIPE)


@dataclass
class Seen:
    """What a step of TRL's was made of."""

    members: list[Member] = field(default_factory=list[Member])
    prompts: list[list[int]] = field(default_factory=list[list[int]])
    rewards: list[float] = field(default_factory=list[float])
    gradients: dict[str, Any] = field(default_factory=dict[str, Any])
    hidden: list[Any] = field(default_factory=list[Any])


def one_step(folder: Path, out: Path, collector: Any, beta: float = 1.0) -> tuple[Seen, Start]:
    """A step of TRL's trainer, watched."""
    transformers: Any = import_module("transformers")
    start, seen = opened(folder), Seen()
    rolling = Rolling(guide_of, HORIZON, collector=collector, beta=beta, seed=3)

    def rollout(prompts: Sequence[Any], trainer: Any) -> dict[str, Any]:
        told = rolling(prompts, trainer)
        seen.members, seen.prompts = list(rolling.collected), told["prompt_ids"]
        return told

    inner = RewardFunction(stones)

    def rewards(prompts: Any, completions: Any, **columns: Any) -> Any:
        seen.rewards = [value or 0.0 for value in inner(prompts, completions, **columns)]
        return seen.rewards

    class Watching(transformers.TrainerCallback):
        def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            seen.gradients = {name: one.grad.clone() for name, one in given["model"].named_parameters()}

    def kept(module: Any, given: Any, out: Any) -> None:
        if out.requires_grad:
            out.retain_grad()
            seen.hidden.append(out)

    start.model.model.norm.register_forward_hook(kept)  # of which each place makes the logits of the next alone
    with muted():
        common = arguments(RECIPE, start, out, steps=1, held=False)
        trainer = grpo_trainer(RECIPE, start, ROWS, common, [Watching()], {"rewards": rewards, "rollout": rollout})
        trainer.train()
    return seen, opened(folder)


@pytest.mark.parametrize("collector", ["ppo", "ppo_pp", "aggrevated"])
def test_trl_s_gradient_is_that_of_a_plain_loop(folder: Path, tmp_path: Path, collector: str) -> None:
    torch: Any = import_module("torch")
    seen, start = one_step(folder, tmp_path / "out", collector)
    assert len(set(seen.rewards)) > 1
    total = sum(sum(member.trained) for member in seen.members)
    loss = torch.zeros(())
    for group in range(len(seen.members) // GROUP):
        here = slice(group * GROUP, (group + 1) * GROUP)
        rewards = torch.tensor(seen.rewards[here])
        advantages = (rewards - rewards.mean()) / (rewards.std() + 1e-4)
        for member, prompt, advantage in zip(seen.members[here], seen.prompts[here], advantages, strict=True):
            tokens = member.text.tokens
            logits = start.model(input_ids=torch.tensor([[*prompt, *tokens]])).logits[0, len(prompt) - 1 : -1]
            logs = logits.log_softmax(-1)[range(len(tokens)), list(tokens)]
            loss = loss - advantage * (logs * torch.tensor(member.trained)).sum() / total
    loss.backward()
    mine = dict(start.model.named_parameters())
    assert any(float(one.abs().max()) > 1e-3 for one in seen.gradients.values())
    for name, theirs in seen.gradients.items():
        assert float((theirs - mine[name].grad).abs().max()) < EXACT, name


@pytest.mark.parametrize("collector", ["ppo_pp", "aggrevated"])
def test_a_guide_s_tokens_have_no_gradient(folder: Path, tmp_path: Path, collector: str) -> None:
    """By autograd: of what each token is predicted from."""
    seen, _ = one_step(folder, tmp_path / "out", collector)
    assert any(owner == "guide" for member in seen.members for owner in member.text.owners)
    [hidden] = seen.hidden
    size = max(len(one.text.tokens) for one in seen.members)
    places = hidden.grad.abs().sum(-1)[:, -size - 1 : -1]  # (texts in an order of TRL's own, places)
    found = Counter(tuple(at for at, moves in enumerate(row) if moves) for row in places.tolist())
    wanted: Counter[tuple[int, ...]] = Counter()
    for number, member in enumerate(seen.members):
        start, owners = number // GROUP * GROUP, member.text.owners
        other = abs(seen.rewards[number] - sum(seen.rewards[start : start + GROUP]) / GROUP) > EXACT
        wanted[tuple(at for at, mine in enumerate(member.trained) if mine and other)] += 1
        assert all(owner == "policy" for mine, owner in zip(member.trained, owners, strict=True) if mine)
    assert found == wanted
    assert any(found - Counter({(): len(seen.members)}))


@pytest.mark.parametrize("collector", ["ppo_pp", "aggrevated", "lols", "d2lols"])
def test_two_steps_run_and_owners_reach_the_rewards(folder: Path, tmp_path: Path, collector: Any) -> None:
    owners: list[list[str]] = []
    rolling = Rolling(guide_of, HORIZON, collector=collector, switch_at=1)
    inner = RewardFunction(load_reward("function:tests.engines.train_lane.rlgf:stones"), rolling=rolling)

    def rewards(prompts: Any, completions: Any, **columns: Any) -> Any:
        owners.extend(columns["owners"])
        return inner(prompts, completions, **columns)

    recipe = RECIPE.model_copy(update={"steps": 2, "lora_rank": 4})
    done = train(recipe, ROWS, f"transformers:{folder}", tmp_path / "out", rewards=[rewards], rollout=rolling)
    assert (done.steps, rolling.iteration) == (2, 2)
    assert rolling.sampled > 0
    assert {owner for text in owners for owner in text} == {"policy", "guide"}
    assert all("policy" in text for text in owners)


def test_a_training_that_goes_on_has_its_iterations_behind_it_and_the_same_settings(
    folder: Path, tmp_path: Path
) -> None:
    recipe = RECIPE.model_copy(update={"steps": 2, "lora_rank": 4, "save_every": 1})
    reward = RewardFunction(load_reward("function:tests.engines.train_lane.rlgf:stones"))

    def rolling(**other: Any) -> Rolling:
        settings: dict[str, Any] = {"collector": "d2lols", "switch_at": 1, **other}
        return Rolling(guide_of, HORIZON, **settings)

    def go(made: Rolling, on_step: Any = None) -> Trained:
        spec = f"transformers:{folder}"
        return train(recipe, ROWS, spec, tmp_path / "out", rewards=[reward], rollout=made, on_step=on_step)

    def stop(line: Any) -> None:
        if (tmp_path / "out" / "checkpoints" / "checkpoint-1").is_dir():
            raise Cancelled

    with pytest.raises(Cancelled):
        go(rolling(), stop)
    second = rolling()
    assert go(second).steps == 2
    assert second.iteration == 2
    assert {one.text.plan.kind for one in second.collected} == {"ppo_pp"}
    with pytest.raises(ResumeMismatchError, match="beta"):
        go(rolling(beta=0.5))
    assert go(rolling()).steps == 2


def rolled(
    folder: Path, rolling: Rolling, prompts: Sequence[Any], *, step: int = 0, training: bool = True, end: int = 0
) -> Any:
    """What the rollout tells a trainer whose groups have three texts, or two where it evaluates."""
    start = opened(folder)
    start.tokenizer.eos_token_id = end or start.tokenizer.eos_token_id
    start.model.train(training)

    def unwrapped(model: Any) -> Any:
        return model

    trainer = SimpleNamespace(
        processing_class=start.tokenizer,
        model=start.model,
        accelerator=SimpleNamespace(unwrap_model=unwrapped),
        num_generations=3,
        num_generations_eval=2,
        state=SimpleNamespace(global_step=step),
    )
    told = rolling(prompts, trainer)
    assert start.model.training is training
    return told


@pytest.mark.parametrize("collector", ["ppo_pp", "aggrevated"])
def test_the_rollout_tells_trl_each_text_beside_its_prompt(folder: Path, collector: Collector) -> None:
    start = opened(folder)
    first, second = (row["prompt"] for row in ROWS[:2])
    rolling = Rolling(guide_of, HORIZON, collector, beta=1.0, seed=1)
    told = rolled(folder, rolling, [first] * 3 + [second] * 3)
    ids = [prompt_ids(start.tokenizer, one) for one in (first, second)]
    assert told["prompt_ids"] == [ids[0]] * 3 + [ids[1]] * 3
    assert [len(one) for one in told["completion_ids"]] == [len(one) for one in told["env_mask"]]
    for member, mask, owners, logprobs in zip(
        rolling.collected, told["env_mask"], told["owners"], told["logprobs"], strict=True
    ):
        assert mask == [int(owner == "policy" and at >= member.shared) for at, owner in enumerate(owners)]
        assert all(one == 0.0 for one in logprobs)
        assert len(logprobs) == len(mask)
    assert any("guide" in one for one in told["owners"])
    assert any(one.shared for one in rolling.collected)
    assert (rolling.iteration, rolling.sampled) == (1, sampled_tokens(rolling.collected))
    assert rolling.sampled > 0
    held = Rolling(guide_of, HORIZON, beta=1.0, seed=1)
    assert rolled(folder, held, [first] * 2 + [second] * 2, training=False)["prompt_ids"] == [ids[0]] * 2 + [ids[1]] * 2
    with pytest.raises(UsageError, match="no multiple of the group"):
        rolled(folder, rolling, [first] * 4)


def test_the_rollout_draws_by_its_seed_its_step_and_its_temperature(folder: Path) -> None:
    def texts(step: int = 0, **knobs: Any) -> list[list[int]]:
        made = Rolling(guide_of, 12, collector="ppo", **knobs)
        return rolled(folder, made, [ROWS[0]["prompt"]] * 3, step=step)["completion_ids"]

    assert texts() == texts()
    assert texts() != texts(seed=1)
    assert texts(step=1) == texts(seed=1)  # a training that goes on does not draw the same again
    start = opened(folder)
    ends = (start.tokenizer.eos_token_id,)
    ids = prompt_ids(start.tokenizer, ROWS[0]["prompt"])
    greedy = TorchSpeaker(start.model, ends=ends, seed=0, top_k=1).go_on([ids], [12])
    assert texts(temperature=1e-4) == greedy * 3
    # What ends a text ends it, also where a turn has no further token: the guide does not go on.
    first = greedy[0][0]
    ended = Rolling(guide_of, 12, "aggrevated", beta=1.0, temperature=1e-4)
    assert rolled(folder, ended, [ROWS[0]["prompt"]] * 3, end=first)["completion_ids"] == [[first]] * 3


def test_groups_share_what_is_before_the_switch(folder: Path) -> None:
    start = opened(folder)
    ends = (start.tokenizer.eos_token_id,)
    policy, guide = TorchSpeaker(start.model, ends=ends, seed=1), guide_of(start.model, start.tokenizer)
    prompts = [prompt_ids(start.tokenizer, row["prompt"]) for row in ROWS]
    for plan in (Plan("ppo_pp", HORIZON, 4, "guide"), Plan("aggrevated", HORIZON, 4, "policy")):
        plans = [plan for _ in prompts]
        members = collect_groups(policy, guide, prompts, plans, members=3, ends=ends)
        for group in range(len(prompts)):
            mine = [one for one in members if one.group == group]
            heads = {one.text.tokens[: one.shared] for one in mine}
            assert len(heads) == 1
            assert all(set(one.text.owners[: one.shared]) == {plan.roll_in} for one in mine)
            assert all(sum(one.trained[: one.shared]) == 0 for one in mine)
            if plan.kind == "aggrevated":
                assert all(sum(one.trained) == 1 for one in mine)
                assert all(one.trained[one.shared] == 1 for one in mine)
        assert len({one.text.tokens for one in members}) > len(prompts)


def test_ppo_pp_without_its_guide_is_ppo_to_the_last_bit(folder: Path) -> None:
    def texts(kind: Any, beta: float) -> list[tuple[int, ...]]:
        start = opened(folder)
        ends = (start.tokenizer.eos_token_id,)
        policy, guide = TorchSpeaker(start.model, ends=ends, seed=1), guide_of(start.model, start.tokenizer)
        prompts = [prompt_ids(start.tokenizer, row["prompt"]) for row in ROWS]
        draws = iter([0.3, 0.7, 0.1] * len(prompts))
        plans = draw_plans(kind, len(prompts), horizon=HORIZON, beta=beta, uniform=lambda: next(draws))
        return [text.tokens for text in collect(policy, guide, prompts, plans, ends=ends)]

    assert texts("ppo_pp", 0.0) == texts("ppo", 1.0)
    assert texts("ppo_pp", 1.0) != texts("ppo", 1.0)


def test_a_speaker_draws_what_its_model_says(folder: Path) -> None:
    torch: Any = import_module("torch")
    start = opened(folder)
    prompts = [prompt_ids(start.tokenizer, row["prompt"])[:size] for row, size in zip(ROWS, (9, 5, 7, 9), strict=True)]
    greedy = TorchSpeaker(start.model, ends=(), seed=0, top_k=1).go_on(prompts, [5, 2, 5, 5])
    assert [len(one) for one in greedy] == [5, 2, 5, 5]
    for prompt, said in zip(prompts, greedy, strict=True):
        for at, token in enumerate(said):
            logits = start.model(input_ids=torch.tensor([[*prompt, *said[:at]]])).logits[0, -1]
            assert int(logits.argmax()) == token
    nucleus = TorchSpeaker(start.model, ends=(), seed=0, top_p=1e-6).go_on(prompts, [5, 2, 5, 5])
    assert nucleus == greedy
    ended = TorchSpeaker(start.model, ends=(greedy[0][2],), seed=0, top_k=1).go_on(prompts, [5, 2, 5, 5])
    assert ended[0] == greedy[0][: greedy[0].index(greedy[0][2]) + 1]


def test_a_frozen_guide_stays_as_it_was_while_the_policy_moves(folder: Path) -> None:
    torch: Any = import_module("torch")
    start = opened(folder)
    guide = guide_of(start.model, start.tokenizer)
    prompts = [prompt_ids(start.tokenizer, ROWS[0]["prompt"])]
    alone = guide_of(start.model, start.tokenizer).go_on(prompts, [12])
    with torch.no_grad():
        for weight in start.model.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)))
    assert guide.go_on(prompts, [12]) == alone
    assert guide_of(start.model, start.tokenizer).go_on(prompts, [12]) != alone


def learner(folder: Path, **knobs: Any) -> tuple[Learner, Speaker, list[list[int]], list[Written]]:
    start = opened(folder)
    made = Learner(start.model, Ppo(batch=32, **knobs), ends=(start.tokenizer.eos_token_id,), seed=2)
    guide = guide_of(start.model, start.tokenizer)
    prompts = [prompt_ids(start.tokenizer, row["prompt"]) for row in ROWS] * 2
    plans = [Plan("aggrevated" if at % 2 else "ppo_pp", HORIZON, 1 + at % HORIZON, "guide") for at in range(8)]
    return made, guide, prompts, collect(made.speaker, guide, prompts, plans, ends=made.ends)


def test_our_update_is_a_policy_gradient_before_the_first_step(folder: Path) -> None:
    torch: Any = import_module("torch")
    made, _, prompts, texts = learner(folder, gamma=1.0, lam=1.0, kl=0.0, normalise=False)
    rewards = [float(at) for at in range(8)]
    stored = made.store(prompts, texts, rewards)
    for one, reward in zip(stored, rewards, strict=True):
        assert one.advantage.tolist() == pytest.approx([reward] * len(one.text.tokens))
    loss, _, clipped = made.losses(stored)
    loss.backward()
    found = {name: weight.grad.clone() for name, weight in made.model.named_parameters()}
    made.model.zero_grad()
    total = sum(sum(text.mask) for text in texts)
    plain = torch.zeros(())
    for prompt, text, reward in zip(prompts, texts, rewards, strict=True):
        tokens = list(text.tokens)
        logits = made.model(input_ids=torch.tensor([[*prompt, *tokens]])).logits[0, len(prompt) - 1 : -1]
        logs = logits.log_softmax(-1)[range(len(tokens)), tokens]
        plain = plain - reward * (logs * torch.tensor(text.mask)).sum() / total
    plain.backward()
    assert clipped == 0
    for name, weight in made.model.named_parameters():
        assert float((found[name] - weight.grad).abs().max()) < EXACT, name
    assert max(float(one.abs().max()) for one in found.values()) > 1e-3


def test_a_guide_s_tokens_and_the_other_value_take_no_part(folder: Path) -> None:
    made, _, prompts, texts = learner(folder, normalise=False)
    stored = made.store(prompts, texts, [1.0] * 8)
    before = [float(one.detach()) for one in made.losses(stored)[:2]]
    for one in stored:
        for place, (mine, fitted) in enumerate(zip(one.text.mask, one.text.rolled_out, strict=True)):
            if not mine:
                one.advantage[place] = 1e9
            if not fitted:
                one.target[place] = 1e9
    assert [float(one.detach()) for one in made.losses(stored)[:2]] == before
    guided = [one for one in stored if one.text.plan.roll_out == "guide"]
    made.losses(guided)[1].backward()
    assert float(made.head.bias.grad[0]) == 0
    assert float(made.head.bias.grad[1].abs()) > 0


def test_our_update_raises_what_is_rewarded_and_holds_to_the_start(folder: Path) -> None:
    made, guide, prompts, texts = learner(folder, learning_rate=3e-3, kl=0.0)
    counts: list[float] = []
    kl: list[float] = []
    wanted = texts[0].tokens[-1]
    for _ in range(12):
        plans = [Plan("ppo", HORIZON, 1, "policy")] * len(prompts)
        texts = collect(made.speaker, guide, prompts, plans, ends=made.ends)
        rewards = [float(text.tokens.count(wanted)) for text in texts]
        counts.append(sum(rewards) / len(rewards))
        kl.append(made.learn(prompts, texts, rewards).kl)
    assert sum(counts[-3:]) > sum(counts[:3]) + 1
    assert kl[0] == pytest.approx(0, abs=EXACT)
    assert kl[-1] > 0.1


def test_references_become_likelier(folder: Path) -> None:
    made, _, prompts, texts = learner(folder, learning_rate=3e-3, nll=5.0)
    references = [(prompts[0], texts[-1].tokens)]

    def likely() -> float:
        return float(made.read(made.model, [prompts[0]], [texts[-1].tokens])[0][0].detach().sum())

    before = likely()
    made.learn(prompts, texts, [0.0] * 8, references)
    assert likely() > before + 1


async def written(spec: str, collector: Collector, horizon: int, prompt: str) -> rlgf.Output:
    """A text of the graph's, policy and guide being one model, frozen."""
    policy, guide = load_policy(spec), load_guide(spec)
    actors: dict[str, Any] = {"solver": policy, "guide": guide, "reference": policy, "reward": stones}
    context = rlgf.Context(**actors, collector=collector, horizon=horizon, beta=1.0)
    return (await rlgf.graph.ainvoke({"prompt": prompt}, context=context, version="v2")).value


@pytest.mark.parametrize("collector", ["ppo", "ppo_pp", "aggrevated"])
async def test_the_graph_s_texts_are_what_the_model_reads(folder: Path, collector: Collector) -> None:
    start = opened(folder)
    for prompt in ("red", "salt", "Name a stone."):
        made = await written(f"transformers:{folder}", collector, HORIZON, prompt)
        ids = [token["id"] for token in made["tokens"]]
        assert (made["outcome"], made["kl"]) == ("ok", pytest.approx(0, abs=EXACT))
        assert made["text"] == start.tokenizer.decode(ids, skip_special_tokens=True)
        torch: Any = import_module("torch")
        prefix = prompt_ids(start.tokenizer, [{"role": "user", "content": prompt}])
        logs = start.model(input_ids=torch.tensor([[*prefix, *ids]])).logits[0, len(prefix) - 1 : -1].log_softmax(-1)
        wanted = logs[range(len(ids)), ids].tolist()
        assert [token["logprob"] for token in made["tokens"]] == pytest.approx(wanted, abs=1e-4)
        assert "policy" in {token["owner"] for token in made["tokens"]}


@pytest.mark.parametrize("collector", ["ppo_pp", "aggrevated"])
async def test_smollm2_writes_with_a_guide_and_is_trained(tmp_path: Path, collector: Collector) -> None:
    spec = "transformers:smollm2-135m"
    made = await written(spec, collector, 8, "Name a stone.")
    assert (made["outcome"], len(made["tokens"])) == ("ok", 8)
    rolling = Rolling(guide_of, 8, collector=collector, beta=1.0)
    recipe = GrpoRecipe(steps=1, group=2, batch_size=2, completion_length=8, lora_rank=4, max_length=128)

    def letters(prompts: Any, completions: Any, **columns: Any) -> list[float]:
        return [float(len(one[0]["content"])) for one in completions]

    rows = [{"prompt": [{"role": "user", "content": "Name a stone."}]}]
    done = train(recipe, rows, spec, tmp_path / "out", rewards=[letters], rollout=rolling)
    assert (done.steps, done.model.startswith("transformers:")) == (1, True)
