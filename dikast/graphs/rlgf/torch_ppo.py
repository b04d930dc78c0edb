"""The paper's update for a language model: PPO with a value head, on texts that policy and guide wrote.

    learner = Learner(model, Ppo(learning_rate=1e-5), ends=(tokenizer.eos_token_id,))
    guide = TorchSpeaker(frozen_copy(model), ends=learner.ends, seed=1, top_p=0.92, top_k=50)
    texts = collect(learner.speaker, guide, prompts, plans, ends=learner.ends)
    told = learner.learn(prompts, texts, rewards)

Clipped ratio and clipped value, generalised advantages under the value of whoever rolls out, the KL penalty against the
model as it was at the start, and the references' likelihood. The value is a linear layer on the last hidden states with
two outputs, one for texts that the policy finishes and one for those that the guide does. The guide's tokens have no
part in the policy's loss.

Small on purpose: one device, all weights that require a gradient, nothing saved. TRL 1.16 has no PPO; for
long trainings there is `rollout.py`, on TRL's GRPO. Needs the extra `train`; nothing of it is imported before.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dikast.graphs.rlgf.advantages import Ppo, estimate, normalised, penalised
from dikast.graphs.rlgf.torch_speaker import TorchSpeaker, frozen_copy
from dikast.graphs.rlgf.turns import Written
from dikast.training.backend.libraries import library

WHOSE = {"policy": 0, "guide": 1}
"""Which of the value's outputs: of texts that the policy finishes, or the guide."""
MAX_NORM = 1.0
"""To which gradients are cut."""


@dataclass(frozen=True, slots=True)
class Told:
    """What an iteration came to: means over its steps, `kl` in nats a text."""

    loss: float
    value_loss: float
    kl: float
    clipped: float


@dataclass(slots=True)
class Stored:
    """A text as it was collected; one number a token where not said otherwise."""

    prompt: Sequence[int]
    text: Written
    old: Any
    value: Any
    advantage: Any
    target: Any
    kl: float


class Learner:
    """A policy under training.

    Args:
        model: A causal language model of transformers' or PEFT's; changed in place.
        ppo: The update's settings.
        ends: Tokens that end a text.
        seed: Of what the policy draws, of new weights and of the order of texts.
        temperature: Of what the policy draws.
    """

    def __init__(self, model: Any, ppo: Ppo, *, ends: Collection[int], seed: int = 0, temperature: float = 1.0) -> None:
        self.model, self.ppo, self.ends = model, ppo, tuple(ends)
        self._torch = torch = library("torch")
        self.reference = frozen_copy(model)
        self.speaker = TorchSpeaker(model, ends=ends, seed=seed, temperature=temperature)
        width = model.config.hidden_size
        self.head = torch.nn.Linear(width, len(WHOSE), device=next(model.parameters()).device)
        torch.nn.init.zeros_(self.head.weight)
        torch.nn.init.zeros_(self.head.bias)
        weights = [one for one in model.parameters() if one.requires_grad]
        self._weights = [*weights, *self.head.parameters()]
        self._adam = torch.optim.Adam(self._weights, lr=ppo.learning_rate)
        self._order = random.Random(seed)

    def learn(
        self,
        prompts: Sequence[Sequence[int]],
        texts: Sequence[Written],
        rewards: Sequence[float],
        references: Sequence[tuple[Sequence[int], Sequence[int]]] = (),
    ) -> Told:
        """One iteration.

        Args:
            prompts: Token ids, one prompt a text.
            texts: Collected by the policy as it is.
            rewards: One a text.
            references: (prompt, text) as token ids, whose likelihood is raised, too.
        """
        stored = self.store(prompts, texts, rewards)
        found: list[tuple[float, float, float]] = []
        for _ in range(self.ppo.epochs):
            order = self._order.sample(stored, len(stored))
            for start in range(0, len(order), self.ppo.batch):
                loss, value_loss, clipped = self.losses(order[start : start + self.ppo.batch], references)
                self._adam.zero_grad()
                (loss + self.ppo.value_weight * value_loss).backward()
                self._torch.nn.utils.clip_grad_norm_(self._weights, MAX_NORM)
                self._adam.step()
                found.append((float(loss.detach()), float(value_loss.detach()), clipped))
        means = [sum(column) / len(found) for column in zip(*found, strict=True)]
        kl = sum(one.kl for one in stored) / len(stored)
        return Told(means[0], means[1], kl, means[2])

    def store(
        self, prompts: Sequence[Sequence[int]], texts: Sequence[Written], rewards: Sequence[float]
    ) -> list[Stored]:
        """Texts with what they are worth, under the policy as it is."""
        torch = self._torch
        with torch.no_grad():
            seen = self.read(self.model, prompts, [text.tokens for text in texts])
            held = self.read(self.reference, prompts, [text.tokens for text in texts])
        found: list[Stored] = []
        for at, (prompt, text, reward) in enumerate(zip(prompts, texts, rewards, strict=True)):
            old, frozen = seen[at][0].detach(), held[at][0].tolist()
            value = self.head(seen[at][1]).detach()[:, WHOSE[text.plan.roll_out]]
            paid = penalised(reward, old.tolist(), frozen, text.mask, kl=self.ppo.kl)
            advantage, target = estimate(paid, value.tolist(), gamma=self.ppo.gamma, lam=self.ppo.lam)
            kl = sum((own - one) * mine for own, one, mine in zip(old.tolist(), frozen, text.mask, strict=True))
            gain, wanted = (torch.tensor(numbers, device=old.device) for numbers in (advantage, target))
            found.append(Stored(prompt, text, old, value, gain, wanted, kl))
        if self.ppo.normalise:
            self._normalise(found)
        return found

    def _normalise(self, stored: Sequence[Stored]) -> None:
        """Bring the advantages of the policy's tokens to mean 0 and spread 1."""
        own = [np.array(one.text.mask) > 0 for one in stored]
        numbers = [one.advantage.cpu().numpy() for one in stored]
        spread = normalised(np.concatenate([row[mine] for row, mine in zip(numbers, own, strict=True)]))
        start = 0
        for one, row, mine in zip(stored, numbers, own, strict=True):
            row[mine] = spread[start : start + mine.sum()]
            start += mine.sum()
            one.advantage = self._torch.tensor(row, device=one.advantage.device)

    def read(
        self, model: Any, prompts: Sequence[Sequence[int]], texts: Sequence[Sequence[int]]
    ) -> list[tuple[Any, Any]]:
        """Of each text: its tokens' log-probabilities, and the hidden states before each."""
        torch, longest = self._torch, max(len(a) + len(b) for a, b in zip(prompts, texts, strict=True))
        device = next(model.parameters()).device
        rows = [[*prompt, *text] for prompt, text in zip(prompts, texts, strict=True)]
        # Right-padded: a causal model sees nothing of what comes behind.
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=device)
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=device)
        training = model.training
        model.eval()  # no dropout: a ratio of probabilities is of one and the same network
        out = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        model.train(training)
        found: list[tuple[Any, Any]] = []
        for at, (prompt, text) in enumerate(zip(prompts, texts, strict=True)):
            here = slice(len(prompt) - 1, len(prompt) - 1 + len(text))
            logs = (out.logits[at, here].float() / self.speaker.temperature).log_softmax(-1)
            chosen = logs.gather(-1, torch.tensor([list(text)], device=device).T)[:, 0]
            found.append((chosen, out.hidden_states[-1][at, here].float()))
        return found

    def losses(
        self, stored: Sequence[Stored], references: Sequence[tuple[Sequence[int], Sequence[int]]] = ()
    ) -> tuple[Any, Any, float]:
        """The policy's loss with the references' likelihood, the value's, and the share of tokens that are clipped."""
        torch, ppo = self._torch, self.ppo
        seen = self.read(self.model, [one.prompt for one in stored], [one.text.tokens for one in stored])
        device = seen[0][0].device
        new = torch.cat([logprobs for logprobs, _ in seen])
        columns = zip(*((one.old, one.value, one.advantage, one.target) for one in stored), strict=True)
        old, value, advantage, target = (torch.cat(column) for column in columns)
        mask = torch.tensor([mine for one in stored for mine in one.text.mask], device=device, dtype=new.dtype)
        ratio = (new - old).exp()
        held = ratio.clamp(1 - ppo.clip, 1 + ppo.clip)
        gain = torch.minimum(ratio * advantage, held * advantage)
        count = mask.sum().clamp(min=1)
        loss = -(gain * mask).sum() / count
        if references and ppo.nll:
            likely = self.read(self.model, *map(list, zip(*references, strict=True)))
            loss = loss - ppo.nll * torch.cat([logprobs for logprobs, _ in likely]).mean()
        now = torch.cat(
            [self.head(hidden)[:, WHOSE[one.text.plan.roll_out]] for one, (_, hidden) in zip(stored, seen, strict=True)]
        )
        fitted = torch.tensor([one_ for one in stored for one_ in one.text.rolled_out], device=device, dtype=new.dtype)
        near = value + (now - value).clamp(-ppo.value_clip, ppo.value_clip)
        error = torch.maximum((now - target) ** 2, (near - target) ** 2)
        value_loss = 0.5 * (error * fitted).sum() / fitted.sum().clamp(min=1)
        clipped = float(((ratio != held) * mask).sum().detach() / count)
        return loss, value_loss, clipped
