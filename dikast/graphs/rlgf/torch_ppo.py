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
    reference: Sequence[int] = ()
    """A text that answers the prompt well, as token ids, whose likelihood is raised, too."""


class Learner:
    """A policy under training.

    Args:
        model: A causal language model of transformers' or PEFT's; changed in place.
        ppo: The update's settings.
        ends: Tokens that end a text.
        seed: Of what the policy draws, of new weights and of the order of texts.
        temperature: Of what the policy draws.
        hold: Whether the model as it is now is kept, for the KL penalty of `store`; `store_paid` needs none.

    Raises:
        ValueError: The settings ask for a term of entropy.
    """

    def __init__(
        self,
        model: Any,
        ppo: Ppo,
        *,
        ends: Collection[int],
        seed: int = 0,
        temperature: float = 1.0,
        hold: bool = True,
    ) -> None:
        if ppo.entropy:
            raise ValueError("entropy: there is no such term here; the table's update has it")
        self.model, self.ppo, self.ends = model, ppo, tuple(ends)
        self._torch = torch = library("torch")
        self.reference = frozen_copy(model) if hold else None
        self.speaker = TorchSpeaker(model, ends=ends, seed=seed, temperature=temperature)
        width = model.config.hidden_size
        self.head = torch.nn.Linear(width, len(WHOSE), device=next(model.parameters()).device)
        torch.nn.init.zeros_(self.head.weight)
        torch.nn.init.zeros_(self.head.bias)
        weights = [one for one in model.parameters() if one.requires_grad]
        self._weights = [*weights, *self.head.parameters()]
        self.adam = torch.optim.Adam(self._weights, lr=ppo.learning_rate)
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
            found += [self.step(batch, references) for batch in self.batches(stored)]
        means = [sum(column) / len(found) for column in zip(*found, strict=True)]
        kl = sum(one.kl for one in stored) / len(stored)
        return Told(means[0], means[1], kl, means[2])

    def batches(self, stored: Sequence[Stored]) -> list[list[Stored]]:
        """The texts of an epoch, in a new order, by steps."""
        order = self._order.sample(stored, len(stored))
        return [order[start : start + self.ppo.batch] for start in range(0, len(order), self.ppo.batch)]

    def step(
        self,
        batch: Sequence[Stored],
        references: Sequence[tuple[Sequence[int], Sequence[int]]] = (),
        *,
        at_once: int = 0,
    ) -> tuple[float, float, float]:
        """A step of Adam's; what `losses` says, before it.

        Args:
            batch: The texts.
            references: As for `learn`; those that the texts have themselves are taken, too.
            at_once: Texts that are read at once, for less memory; 0 for all. The step is the same.
        """
        size, found = at_once or len(batch), [0.0, 0.0, 0.0]
        likely = sum(len(one) for _, one in references) + sum(len(one.reference) for one in batch)
        self.adam.zero_grad()
        for start in range(0, len(batch), size):
            part = batch[start : start + size]
            told = self.losses(part, references if start == 0 else (), whole=batch, likely=likely)
            (told[0] + self.ppo.value_weight * told[1]).backward()
            found = [
                one + float(other)
                for one, other in zip(found, (told[0].detach(), told[1].detach(), told[2]), strict=True)
            ]
        self._torch.nn.utils.clip_grad_norm_(self._weights, MAX_NORM)
        self.adam.step()
        return found[0], found[1], found[2]

    def store(
        self, prompts: Sequence[Sequence[int]], texts: Sequence[Written], rewards: Sequence[float]
    ) -> list[Stored]:
        """Texts with what they are worth, under the policy as it is.

        Raises:
            ValueError: Nothing is held (`hold`).
        """
        if self.reference is None:
            raise ValueError("no model is held: there is no KL penalty to take")
        with self._torch.no_grad():
            seen = self.read(self.model, prompts, [text.tokens for text in texts])
            held = self.read(self.reference, prompts, [text.tokens for text in texts])
        found: list[Stored] = []
        for prompt, text, reward, now, frozen in zip(prompts, texts, rewards, seen, held, strict=True):
            old, other = now[0].tolist(), frozen[0].tolist()
            paid = penalised(reward, old, other, text.mask, kl=self.ppo.kl)
            kl = sum((own - one) * mine for own, one, mine in zip(old, other, text.mask, strict=True))
            found.append(self._stored(prompt, text, now, paid, kl))
        if self.ppo.normalise:
            self._normalise(found)
        return found

    def store_paid(
        self,
        prompts: Sequence[Sequence[int]],
        texts: Sequence[Written],
        paid: Sequence[Sequence[float]],
        references: Sequence[Sequence[int]] = (),
        *,
        at_once: int = 0,
    ) -> list[Stored]:
        """The same of texts whose rewards by token, less the penalty, are known since they were collected.

        Args:
            prompts: Token ids, one prompt a text.
            texts: Collected by the policy as it is.
            paid: One number a token.
            references: To each text a reference as token ids; an empty one for none.
            at_once: Texts that are read at once; 0 for all.
        """
        size, found = at_once or len(texts), list[Stored]()
        for start in range(0, len(texts), size):
            here = slice(start, start + size)
            with self._torch.no_grad():
                seen = self.read(self.model, prompts[here], [text.tokens for text in texts[here]])
            for prompt, text, now, one in zip(prompts[here], texts[here], seen, paid[here], strict=True):
                found.append(self._stored(prompt, text, now, one, 0.0))
        for one, reference in zip(found, references, strict=False):
            one.reference = reference
        if self.ppo.normalise:
            self._normalise(found)
        return found

    def _stored(
        self, prompt: Sequence[int], text: Written, seen: tuple[Any, Any], paid: Sequence[float], kl: float
    ) -> Stored:
        old = seen[0].detach()
        value = self.head(seen[1]).detach()[:, WHOSE[text.plan.roll_out]]
        advantage, target = estimate(paid, value.tolist(), gamma=self.ppo.gamma, lam=self.ppo.lam)
        gain, wanted = (self._torch.tensor(numbers, device=old.device) for numbers in (advantage, target))
        return Stored(prompt, text, old, value, gain, wanted, kl)

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
        self,
        stored: Sequence[Stored],
        references: Sequence[tuple[Sequence[int], Sequence[int]]] = (),
        *,
        whole: Sequence[Stored] = (),
        likely: int = 0,
    ) -> tuple[Any, Any, float]:
        """The policy's loss with the references' likelihood, the value's, and the share of tokens that are clipped.

        Args:
            stored: The texts.
            references: (prompt, text) as token ids, beside those of the texts.
            whole: All texts of the step, where these are a part of them: means are over all.
            likely: Tokens of all references of the step, where these are a part of them.
        """
        torch, ppo, every = self._torch, self.ppo, whole or stored
        seen = self.read(self.model, [one.prompt for one in stored], [one.text.tokens for one in stored])
        device = seen[0][0].device
        new = torch.cat([logprobs for logprobs, _ in seen])
        columns = zip(*((one.old, one.value, one.advantage, one.target) for one in stored), strict=True)
        old, value, advantage, target = (torch.cat(column) for column in columns)
        mask = torch.tensor([mine for one in stored for mine in one.text.mask], device=device, dtype=new.dtype)
        ratio = (new - old).exp()
        held = ratio.clamp(1 - ppo.clip, 1 + ppo.clip)
        gain = torch.minimum(ratio * advantage, held * advantage)
        count = max(1, sum(sum(one.text.mask) for one in every))
        loss = -(gain * mask).sum() / count
        own = [(one.prompt, one.reference) for one in stored if one.reference]
        if (read := [*references, *own]) and ppo.nll:
            told = self.read(self.model, *map(list, zip(*read, strict=True)))
            size = likely or sum(len(one) for _, one in read)
            loss = loss - ppo.nll * torch.cat([logprobs for logprobs, _ in told]).sum() / size
        now = torch.cat(
            [self.head(hidden)[:, WHOSE[one.text.plan.roll_out]] for one, (_, hidden) in zip(stored, seen, strict=True)]
        )
        fitted = torch.tensor([here for one in stored for here in one.text.rolled_out], device=device, dtype=new.dtype)
        near = value + (now - value).clamp(-ppo.value_clip, ppo.value_clip)
        error = torch.maximum((now - target) ** 2, (near - target) ** 2)
        value_loss = 0.5 * (error * fitted).sum() / max(1, sum(sum(one.text.rolled_out) for one in every))
        clipped = float(((ratio != held) * mask).sum().detach()) / count
        return loss, value_loss, clipped
