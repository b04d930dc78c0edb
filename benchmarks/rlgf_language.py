"""A keyword task for a language model of 70,000 parameters: RLGF's collectors beside GRPO, at equal sampled tokens.

A text has 12 tokens of 16, and pays 1 if a keyword of four stands in it. The policy is fine-tuned on texts of which
one in fifty holds it; the guide, a network of its own, on texts of which two in five do. All collectors write groups
by `dikast.graphs.rlgf.grouping` and have the same update, that of TRL's GRPO, which the train lane holds equal to a
plain loop: here it is that loop, since TRL's trainer takes longer to start than this model to train.

`tiny_lm.NAME.reward`: of texts that the policy wrote alone, after as many sampled tokens for all (those that a group
shares count once); `kl`: to the fine-tuned policy, in nats a text, there; `kl_at_90` and `tokens_to_90`: where the
reward first was .9, `null` if it never was. Means of seeds; with a seed that never got there `tokens_to_90` is null.
`rewards`, `tokens_by_seed`: the same seed by seed.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from statistics import mean
from typing import Any

from dikast.graphs.rlgf.collecting import own_reward, schedule_plans
from dikast.graphs.rlgf.grouping import Member, collect_groups
from dikast.graphs.rlgf.rollout import sampled_tokens
from dikast.graphs.rlgf.schedules import Collector, Schedule
from dikast.graphs.rlgf.torch_speaker import TorchSpeaker, frozen_copy

SYMBOLS, START, HORIZON = 16, 16, 12
KEYWORD = (3, 14, 1, 5)
RARE, COMMON = 0.02, 0.4
GROUPS, MEMBERS = 8, 8
RATE, TUNING_RATE, TUNING = 3e-3, 3e-3, 450
CHECKED, EVERY, ENOUGH = 256, 5, 0.9
BETA = 0.8
COLLECTORS: dict[str, Collector] = {"grpo": "ppo", "ppo_pp": "ppo_pp", "aggrevated": "aggrevated", "d2lols": "d2lols"}
SWITCH_REWARD = 0.1
"""D2LOLS goes over to PPO++ when one in ten of the texts that the policy wrote alone is rewarded."""


def reward(tokens: Sequence[int]) -> float:
    """1 for a text with the keyword."""
    return float(any(tuple(tokens[at : at + len(KEYWORD)]) == KEYWORD for at in range(len(tokens))))


def network(seed: int) -> Any:
    """A Llama of two layers."""
    torch, transformers = import_module("torch"), import_module("transformers")
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=SYMBOLS + 1,
        hidden_size=48,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=64,
    )
    return transformers.LlamaForCausalLM(config)


def fine_tuned(share: float, seed: int) -> Any:
    """A network that writes the keyword in about a share of its texts."""
    torch: Any = import_module("torch")
    model, draws = network(seed), random.Random(seed)
    adam = torch.optim.AdamW(model.parameters(), lr=TUNING_RATE)
    for _ in range(TUNING):
        texts = [[draws.randrange(SYMBOLS) for _ in range(HORIZON)] for _ in range(64)]
        for text in texts:
            if draws.random() < share:
                place = draws.randrange(HORIZON - len(KEYWORD) + 1)
                text[place : place + len(KEYWORD)] = KEYWORD
        ids = torch.tensor([[START, *text] for text in texts])
        loss = model(input_ids=ids, labels=ids).loss
        adam.zero_grad()
        loss.backward()
        adam.step()
    return model.eval()


def logprobs(model: Any, texts: Sequence[Sequence[int]]) -> Any:
    """Of each token of texts of equal length; shape (texts, tokens)."""
    torch: Any = import_module("torch")
    ids = torch.tensor([[START, *text] for text in texts])
    logs = model(input_ids=ids).logits[:, :-1].log_softmax(-1)
    return logs.gather(-1, ids[:, 1:, None])[..., 0]


@dataclass
class Run:
    """A training: sampled tokens, the policy's own reward and its KL, at each check."""

    tokens: list[int] = field(default_factory=list[int])
    rewards: list[float] = field(default_factory=list[float])
    kl: list[float] = field(default_factory=list[float])

    def check(self, sampled: int, model: Any, start: Any, seed: int) -> None:
        """Measure the policy; what is drawn for that is not counted."""
        torch: Any = import_module("torch")
        texts = TorchSpeaker(model, ends=(), seed=seed).go_on([[START]] * CHECKED, [HORIZON] * CHECKED)
        with torch.no_grad():
            apart = logprobs(model, texts) - logprobs(start, texts)
        self.tokens.append(sampled)
        self.rewards.append(mean(map(reward, texts)))
        self.kl.append(float(apart.sum(-1).mean()))

    @property
    def reached(self) -> int | None:
        """The first check with enough reward."""
        return next((at for at, value in enumerate(self.rewards) if value >= ENOUGH), None)


def train(collector: Collector, start: Any, guiding: Any, seed: int, budget: int) -> Run:
    """Train a policy until so many tokens are sampled."""
    torch: Any = import_module("torch")
    model = frozen_copy(start)
    for weight in model.parameters():
        weight.requires_grad_(True)
    adam = torch.optim.AdamW(model.parameters(), lr=RATE)
    policy = TorchSpeaker(model, ends=(), seed=seed)
    guide = TorchSpeaker(guiding, ends=(), seed=seed + 1)
    schedule, draws, run = Schedule(collector, switch_reward=SWITCH_REWARD), random.Random(seed), Run()
    sampled = iteration = 0
    while True:
        if iteration % EVERY == 0 or sampled >= budget:
            run.check(sampled, model, start, seed + 2)
        if sampled >= budget:
            return run
        plans = schedule_plans(schedule, iteration, GROUPS, horizon=HORIZON, beta=BETA, uniform=draws.random)
        members = collect_groups(policy, guide, [[START]] * GROUPS, plans, members=MEMBERS)
        rewards = [reward(member.text.tokens) for member in members]
        schedule.measure(own_reward([member.text for member in members], rewards))
        step(model, adam, members, rewards)
        sampled, iteration = sampled + sampled_tokens(members), iteration + 1


def step(model: Any, adam: Any, members: Sequence[Member], rewards: Sequence[float]) -> None:
    """A step of GRPO's on whole groups; none where no group has a spread: Adam would make much of the next one."""
    torch: Any = import_module("torch")
    grouped = torch.tensor(rewards).view(-1, MEMBERS)
    if not grouped.std(-1).any():
        return
    advantages = (grouped - grouped.mean(-1, keepdim=True)) / (grouped.std(-1, keepdim=True) + 1e-4)
    mask = torch.tensor([member.trained for member in members])
    logs = logprobs(model, [member.text.tokens for member in members])
    loss = -(advantages.view(-1, 1) * logs * mask).sum() / mask.sum()
    adam.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    adam.step()


def measure(*, full: bool) -> dict[str, Any]:
    """All collectors: one seed and 45,000 tokens, or five seeds and 100,000."""
    seeds, budget = (5, 100_000) if full else (1, 45_000)
    runs: dict[str, list[Run]] = {name: [] for name in ("guide", "sft", *COLLECTORS)}
    for seed in range(seeds):
        start, guiding = fine_tuned(RARE, 100 + seed), fine_tuned(COMMON, 200 + seed)
        for name, model in (("guide", guiding), ("sft", start)):
            one = Run()
            one.check(0, model, start, seed)
            runs[name].append(one)
        for name, collector in COLLECTORS.items():
            runs[name].append(train(collector, start, guiding, seed, budget))
            print(seed, name, [round(value, 2) for value in runs[name][-1].rewards[::4]], file=sys.stderr)
    return {name: told(found) for name, found in runs.items()} | {"seeds": seeds, "budget": budget}


def told(runs: Sequence[Run]) -> dict[str, Any]:
    """Means of seeds, and each seed's reward."""
    reached = [(run, at) for run in runs if (at := run.reached) is not None]
    whole = len(reached) == len(runs)
    return {
        "reward": mean(run.rewards[-1] for run in runs),
        "kl": mean(run.kl[-1] for run in runs),
        "tokens_to_90": mean(run.tokens[at] for run, at in reached) if whole else None,
        "kl_at_90": mean(run.kl[at] for run, at in reached) if whole else None,
        "reached": len(reached),
        "rewards": [run.rewards[-1] for run in runs],
        "tokens_by_seed": [None if run.reached is None else run.tokens[run.reached] for run in runs],
    }
