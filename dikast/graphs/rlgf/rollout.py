"""RLGF through TRL's GRPO: a rollout function made of a collector, and rewards in TRL's form.

    rolling = Rolling(guide=guide_of, horizon=48, collector="ppo_pp", beta=0.8)
    done = train(
        GrpoRecipe(group=8, completion_length=48), rows, "transformers:MODEL?lora=...", Path("runs/rlgf"),
        rewards=[RewardFunction(load_reward("metric:rougeL"))], rollout=rolling,
    )

A group's texts share what is before the switch (`grouping.py`), so that the group's mean is the value of the text so
far, and no critic is needed. TRL trains on the tokens whose `env_mask` is 1: the policy's own, behind what is shared.
`owners` goes to the reward functions as a column of its own.

The texts of a row's group are all of one plan. A GRPO without a guide is `collector="ppo"`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from dikast.agents.models.request import Sampling
from dikast.errors import UsageError
from dikast.graphs.rewarding import Asked, Reward
from dikast.graphs.rlgf.collecting import Speaker, own_reward, schedule_plans
from dikast.graphs.rlgf.context import RUBRIC, SCALE
from dikast.graphs.rlgf.grouping import Member, collect_groups
from dikast.graphs.rlgf.schedules import SHARE, SWITCH_AT, Collector, Schedule
from dikast.graphs.rlgf.torch_speaker import TorchSpeaker
from dikast.training.backend.tokens import Speaker as Renderer
from dikast.training.backend.tokens import prompt_columns
from dikast.training.inputs import name_of_function

SETTINGS = ("horizon", "collector", "beta", "share", "switch_at", "switch_reward", "temperature", "seed")
LOGPROB = 0.0
"""What TRL is told for each token; it computes its own unless vLLM samples, and has to be told something finite."""


@dataclass
class Rolling:
    """A rollout function of TRL's GRPOTrainer, kept over a training.

    Args:
        guide: (the model that is trained, its tokenizer) -> the guide, called once, before the first step.
        horizon: Tokens of a text at most.
        collector: See `dikast.graphs.rlgf.schedules`; an iteration is a call of TRL's, and so a step.
        beta: See `dikast.graphs.rlgf.turns.plan_of`.
        share: LOLS's.
        switch_at: D2LOLS's.
        switch_reward: D2LOLS's; the reward is the one that `measure` heard last.
        temperature: Of the policy.
        seed: Of switches and of what the policy draws.
    """

    guide: Callable[[Any, Any], Speaker]
    horizon: int
    collector: Collector = "ppo_pp"
    beta: float = 0.8
    share: float = SHARE
    switch_at: int = SWITCH_AT
    switch_reward: float | None = None
    temperature: float = 1.0
    seed: int = 0
    iteration: int = 0
    sampled: int = 0
    """Tokens that policy and guide have drawn, those that a group shares once."""
    collected: list[Member] = field(default_factory=list[Member])
    """Of the last call."""

    def __post_init__(self) -> None:
        self.schedule = Schedule(self.collector, self.share, self.switch_at, self.switch_reward)
        self._uniform: Callable[[], float] = random.Random(self.seed).random
        self._guide: Speaker | None = None
        self._policy: TorchSpeaker | None = None

    def fingerprint(self) -> dict[str, object]:
        """Its settings, which a training that is gone on with has to share; of the guide what it tells, or its name."""
        tell: Any = getattr(self.guide, "fingerprint", None)
        settings = {name: getattr(self, name) for name in SETTINGS}
        return {**settings, "guide": name_of_function(self.guide) if tell is None else dict(tell())}

    def __call__(self, prompts: Sequence[Any], trainer: Any) -> dict[str, Any]:
        """TRL's call: each prompt as often as its group has texts, one after the other."""
        tokenizer, model = trainer.processing_class, trainer.accelerator.unwrap_model(trainer.model)
        members = trainer.num_generations if model.training else trainer.num_generations_eval
        if len(prompts) % members:
            raise UsageError(f"{len(prompts)} prompts are no multiple of the group ({members})")
        ends = ends_of(model, tokenizer)
        if self._policy is None or self._guide is None:
            # A training that goes on has iterations behind it: a step each, as `GrpoRecipe` has it.
            self.iteration = int(trainer.state.global_step)
            seed = self.seed + self.iteration
            self._uniform = random.Random(seed).random
            self._guide = self.guide(model, tokenizer)
            self._policy = TorchSpeaker(model, ends=ends, seed=seed, temperature=self.temperature)
        ids = [prompt_ids(tokenizer, prompt) for prompt in prompts[::members]]
        plans = schedule_plans(
            self.schedule, self.iteration, len(ids), horizon=self.horizon, beta=self.beta, uniform=self._uniform
        )
        self.iteration += 1
        self.collected = collect_groups(self._policy, self._guide, ids, plans, members=members, ends=ends)
        self.sampled += sampled_tokens(self.collected)
        texts = [member.text for member in self.collected]
        return {
            "prompt_ids": [list(ids[member.group]) for member in self.collected],
            "completion_ids": [list(text.tokens) for text in texts],
            "logprobs": [[LOGPROB] * len(text.tokens) for text in texts],
            "env_mask": [list(member.trained) for member in self.collected],
            "owners": [list(text.owners) for text in texts],
        }

    def measure(self, rewards: Sequence[float]) -> None:
        """Hear the rewards of the last call's texts, for D2LOLS's switch by reward."""
        self.schedule.measure(own_reward([member.text for member in self.collected], rewards))


def sampled_tokens(members: Sequence[Member]) -> int:
    """Tokens that were drawn for groups; those that are shared count once a group, those that were dropped too."""
    own = sum(len(member.text.tokens) - member.shared for member in members)
    heads = {member.group: member.shared + member.text.dropped for member in members}
    return own + sum(heads.values())


def ends_of(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """The tokens that end a reply, by model and tokenizer."""
    told = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    found = list(cast(Sequence[int], told)) if isinstance(told, (list, tuple)) else [told]
    return tuple({one for one in (*found, tokenizer.eos_token_id) if one is not None})


def prompt_ids(tokenizer: Any, prompt: Any) -> list[int]:
    """A prompt's tokens, as the policy is asked; control tokens within a text stay characters.

    Raises:
        UsageError: The chat template does not take it.
    """
    return [*prompt_columns({"prompt": prompt}, Renderer(tokenizer))["input_ids"]]


class RewardFunction:
    """A reward in TRL's form; a row's columns `reference`, `others` and `concepts` are what metrics measure by.

    Args:
        reward: See `dikast.graphs.rewards`.
        rubric: For a judge.
        scale: For a judge.
        sampling: Of a judge.
        rolling: Who is told of the rewards, for D2LOLS's switch by reward.
    """

    def __init__(
        self,
        reward: Reward,
        *,
        rubric: str = RUBRIC,
        scale: tuple[float, float] = SCALE,
        sampling: Sampling | None = None,
        rolling: Rolling | None = None,
    ) -> None:
        self.reward, self.rubric, self.scale, self.rolling = reward, rubric, scale, rolling
        self.sampling = sampling or Sampling(max_tokens=1024, seed=0)
        self.__name__ = self.__qualname__ = f"reward {reward.spec}"  # TRL's log has it

    def fingerprint(self) -> dict[str, object]:
        """What changes its values."""
        judging = {"rubric": self.rubric, "scale": list(self.scale), "judging": self.sampling.model_dump(mode="json")}
        return {"reward": dict(self.reward.fingerprint()), **judging}

    def __call__(self, prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> list[float | None]:
        """TRL's call: a value a completion; `None` for one that has none."""

        def column(name: str, at: int) -> Any:
            return columns[name][at] if columns.get(name) else None

        asked = [
            Asked(
                spoken(prompt),
                spoken(said),
                column("reference", at) or "",
                self.rubric,
                self.scale,
                self.sampling,
                tuple(column("others", at) or ()),
                tuple(column("concepts", at) or ()),
            )
            for at, (prompt, said) in enumerate(zip(prompts, completions, strict=True))
        ]
        values = asyncio.run(self._all_of(asked))
        if self.rolling is not None:
            self.rolling.measure([0.0 if value is None else value for value in values])
        return values

    async def _all_of(self, asked: Sequence[Asked]) -> list[float | None]:
        found = await asyncio.gather(*(self.reward.reward(one) for one in asked))
        return [one.value for one in found]


def spoken(said: Any) -> str:
    """The text of a prompt or completion: plain, or the last message's."""
    return said if isinstance(said, str) else str(cast(Sequence[Mapping[str, Any]], said)[-1]["content"])
