"""RLGF's own update over a tiny model, number by number: what is stored, the losses by hand, steps in parts."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from dikast.graphs.rlgf.advantages import Ppo
from dikast.graphs.rlgf.torch_ppo import WHOSE, Learner
from dikast.graphs.rlgf.turns import Plan, Written
from tests.engines.train_lane.rlgf import EXACT, learner, opened


def test_our_update_in_parts_is_the_whole_one_and_takes_each_setting(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Losses by hand: clipped ratio and value, likelihood of references, each over all of a step."""
    torch: Any = import_module("torch")
    made, _, prompts, texts = learner(folder, nll=0.5, value_weight=0.25, normalise=False)
    paid = [[0.1 * at] * len(text.tokens) for at, text in enumerate(texts)]
    references = [texts[0].tokens if at % 2 else () for at in range(8)]
    with torch.no_grad():
        made.head.weight.normal_(0, 0.1, generator=torch.Generator().manual_seed(1))
        made.head.bias.copy_(torch.tensor([0.5, -0.5]))
        hidden = [found for _, found in made.read(made.model, prompts, [text.tokens for text in texts])]
    stored = made.store_paid(prompts, texts, paid, references, at_once=3)
    for one, found in zip(stored, hidden, strict=True):
        column = 0 if one.text.plan.roll_out == "policy" else 1
        assert torch.allclose(one.value, made.head(found).detach()[:, column], atol=EXACT)
    again = made.store_paid(prompts, texts, paid, references)
    assert all(torch.allclose(one.advantage, two.advantage, atol=EXACT) for one, two in zip(stored, again, strict=True))
    with torch.no_grad():  # as if the policy and its values had moved since
        for at, one in enumerate(stored):
            one.old = one.old + (0.5 if at % 2 else -0.5)
            one.value = one.value + (1.0 if at % 2 else -1.0)
    with torch.no_grad():
        seen = made.read(made.model, prompts, [text.tokens for text in texts])
        values = [made.head(hidden) for _, hidden in seen]
        own_references = [(one.prompt, one.reference) for one in stored if one.reference]
        likely = [made.read(made.model, [one], [two])[0][0].sum().item() for one, two in own_references]
    gains, errors, clipped, own, fitted = 0.0, 0.0, 0, 0, 0
    for one, (logs, _), both in zip(stored, seen, values, strict=True):
        for at in range(len(one.text.tokens)):
            if one.text.mask[at]:
                ratio, gain = (logs[at] - one.old[at]).exp().item(), one.advantage[at].item()
                kept = min(max(ratio, 0.8), 1.2)
                gains, clipped, own = gains + min(ratio * gain, kept * gain), clipped + (ratio != kept), own + 1
            if one.text.rolled_out[at]:
                now, was, wanted = (
                    both[at, WHOSE[one.text.plan.roll_out]].item(),
                    one.value[at].item(),
                    one.target[at].item(),
                )
                near = was + min(max(now - was, -0.2), 0.2)
                errors, fitted = errors + max((now - wanted) ** 2, (near - wanted) ** 2), fitted + 1
    size = sum(len(one.reference) for one in stored)
    loss, value_loss, share = made.losses(stored)
    assert loss.item() == pytest.approx(-gains / own - 0.5 * sum(likely) / size, abs=1e-4)
    assert value_loss.item() == pytest.approx(0.5 * errors / fitted, abs=1e-4)
    assert share == pytest.approx(clipped / own)
    assert share > 0
    (loss + 0.25 * value_loss).backward()
    whole = {name: weight.grad.clone() for name, weight in made.model.named_parameters()}
    head = made.head.weight.grad.clone()
    assert float(head.abs().max()) > 0
    before = {name: weight.detach().clone() for name, weight in made.model.named_parameters()}
    steps: list[dict[str, Any]] = []
    heads: list[Any] = []

    def note(*given: Any) -> None:  # in place of Adam's step
        steps.append({name: weight.grad.clone() for name, weight in made.model.named_parameters()})
        heads.append(made.head.weight.grad.clone())

    norms: list[float] = []

    def cut(weights: Any, most: float) -> None:
        norms.append(most)

    monkeypatch.setattr(made.adam, "step", note)
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", cut)
    told = made.step(stored, at_once=3)
    made.step(stored)
    assert told == pytest.approx((loss.item(), value_loss.item(), share), abs=1e-4)
    assert norms == [1.0, 1.0]
    assert all(torch.allclose(one, head, atol=1e-4) for one in heads)
    for one in steps:
        for name, gradient in whole.items():
            assert float((one[name] - gradient).abs().max()) < 1e-4, name
    assert all(bool((weight == before[name]).all()) for name, weight in made.model.named_parameters())


def test_our_update_stores_rewards_less_the_penalty_to_the_start(folder: Path) -> None:
    torch: Any = import_module("torch")
    made, _, prompts, texts = learner(folder, gamma=0.9, lam=0.5, kl=0.3, normalise=False)
    assert not made.head.weight.any()
    assert not made.head.bias.any()
    with torch.no_grad():
        for weight in made.model.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)) * 0.02)
    made.model.train()
    stored = made.store(prompts, texts, [1.0] * 8)
    assert made.model.training
    now = made.read(made.model, prompts, [text.tokens for text in texts])
    start = made.read(opened(folder).model, prompts, [text.tokens for text in texts])
    for one, (logs, _), (held, _) in zip(stored, now, start, strict=True):
        apart = [(a - b) * mine for a, b, mine in zip(logs.tolist(), held.tolist(), one.text.mask, strict=True)]
        assert one.kl == pytest.approx(sum(apart), abs=1e-4)
        rewards = [-0.3 * x for x in apart]
        rewards[-1] += 1.0
        later, wanted = 0.0, list[float]()
        for reward in reversed(rewards):  # values are 0: a new head
            later = reward + 0.45 * later
            wanted.insert(0, later)
        assert one.advantage.tolist() == pytest.approx(wanted, abs=1e-4)
    assert any(abs(one.kl) > 1e-3 for one in stored)
    bare, _, _, _ = learner(folder)
    spread = bare.store_paid(prompts, texts, [[float(at)] * len(text.tokens) for at, text in enumerate(texts)])
    mine = torch.cat([one.advantage[torch.tensor(one.text.mask) > 0] for one in spread])
    assert (float(mine.mean()), float(mine.std(unbiased=False))) == pytest.approx((0, 1), abs=1e-4)
    plain, _, _, _ = learner(folder, normalise=False)
    paid = plain.store_paid(prompts, texts, [[float(at)] * len(text.tokens) for at, text in enumerate(texts)])
    flat = torch.cat([one.advantage[torch.tensor(one.text.mask) > 0] for one in paid])
    assert torch.allclose(mine, (flat - flat.mean()) / flat.std(unbiased=False), atol=1e-4)


def test_our_update_goes_through_all_texts_so_often_and_in_new_orders(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _, prompts, texts = learner(folder, epochs=3)
    made.ppo = Ppo(batch=3, epochs=3)
    seen: list[list[int]] = []
    stored = made.store(prompts, texts, [1.0] * 8)
    for _ in range(3):
        batches = made.batches(stored)
        assert [len(one) for one in batches] == [3, 3, 2]
        seen.append([next(at for at, two in enumerate(stored) if two is one) for batch in batches for one in batch])
    assert all(sorted(one) == list(range(8)) for one in seen)
    assert len({tuple(one) for one in seen}) == 3
    steps: list[int] = []

    def step(batch: Sequence[Any], references: Any = ()) -> tuple[float, float, float]:
        steps.append(len(batch))
        return 1.0, 2.0, 0.0

    monkeypatch.setattr(made, "step", step)
    told = made.learn(prompts, texts, [1.0] * 8)
    assert steps == [3, 3, 2] * 3
    assert (told.loss, told.value_loss) == (1.0, 2.0)


def test_our_update_goes_to_policy_and_value_head(folder: Path) -> None:
    made, _, prompts, texts = learner(folder, learning_rate=1e-3)
    before = {name: weight.detach().clone() for name, weight in made.model.named_parameters()}
    told = made.learn(prompts, texts, [float(at) for at in range(8)])
    assert made.head.weight.any()
    assert all(bool((weight != before[name]).any()) for name, weight in made.model.named_parameters())
    assert told.value_loss > 0


def test_what_our_update_cannot_do_is_said(folder: Path) -> None:
    start = opened(folder)
    with pytest.raises(ValueError, match="entropy"):
        Learner(start.model, Ppo(entropy=0.1), ends=())
    bare = Learner(start.model, Ppo(), ends=(), hold=False)
    with pytest.raises(ValueError, match="no model is held"):
        bare.store([[1]], [Written(Plan("ppo", 1, 1, "policy"), (2,), ("policy",))], [1.0])
    hot = Learner(start.model, Ppo(), ends=(), temperature=2.0)
    torch: Any = import_module("torch")
    [(logs, hidden)] = hot.read(start.model, [[5, 6]], [[7, 8]])
    out = start.model(input_ids=torch.tensor([[5, 6, 7, 8]]), output_hidden_states=True)
    wanted = (out.logits[0, 1:3] / 2).log_softmax(-1)[range(2), [7, 8]]
    assert torch.allclose(logs, wanted, atol=1e-4)
    assert torch.allclose(hidden, out.hidden_states[-1][0, 1:3], atol=1e-4)
    for layer in start.model.model.layers:  # a ratio is of one network: no dropout while it is read
        layer.self_attn.attention_dropout = 0.9
    start.model.train()
    assert torch.equal(hot.read(start.model, [[5, 6]], [[7, 8]])[0][0], logs)
