"""Two feed-forward modules a layer: identities, the oracle against trying everything, budgets, routers, folders."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from functools import cache
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dikast.decoding.duo import (
    BIG,
    SKIP,
    SMALL,
    Duo,
    FlopMeter,
    Mixed,
    Prior,
    Routing,
    Search,
    distil,
    every_route,
    index_of,
    route_of,
    train_mixed,
    train_routers,
)
from dikast.decoding.duo.model import decoder_layers
from dikast.decoding.duo.tables import cross_fitted, null, oracle_of
from dikast.decoding.duo.training import budget_loss, calibrate, hard_cost
from dikast.errors import DataError, UsageError
from dikast.graphs.duo.learning import Recipe, learn
from tests.tiny_model import make

EXACT = 1e-6
VOCABULARY, WIDTH, WIDE, SMALLER = 32, 32, 64, 4


def backbone(layers: int, kind: str = "Llama", seed: int = 0) -> Any:
    torch: Any = import_module("torch")
    transformers: Any = import_module("transformers")
    torch.manual_seed(seed)
    heads = {"num_attention_heads": 4, "num_hidden_layers": layers, "max_position_embeddings": 64}
    if kind in ("Llama", "Qwen3"):
        heads["num_key_value_heads"] = 2
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=VOCABULARY, hidden_size=WIDTH, intermediate_size=WIDE, initializer_range=0.2, **heads
    )
    return getattr(transformers, f"{kind}ForCausalLM")(config).eval()


def sentences(count: int, length: int = 12, seed: int = 0) -> Any:
    """Each goes up or down by a step of its own, and now and then says something else."""
    torch: Any = import_module("torch")
    draw = torch.Generator().manual_seed(seed)
    start, step = (torch.randint(VOCABULARY, (count, 1), generator=draw) for _ in range(2))
    said = (start + (1 + step % 5) * torch.arange(length)) % VOCABULARY
    noise = torch.randint(VOCABULARY, said.shape, generator=draw)
    return torch.where(torch.rand(said.shape, generator=draw) < 0.15, noise, said)


def duo(layers: int, kind: str = "Llama", seed: int = 0) -> Duo:
    return Duo.of(backbone(layers, kind, seed), SMALLER, seed)


@cache
def trained(layers: int) -> Duo:
    """One that has learnt on random routes, and is not changed any more."""
    made = duo(layers)
    told = train_mixed(made, sentences(256), Mixed(steps=120, learning_rate=3e-3))
    assert np.mean(told[-10:]) < np.mean(told[:10]) - 0.5
    return made


def same_weights(duo: Duo) -> list[Any]:
    return [weight.detach().clone() for name, weight in duo.model.named_parameters() if ".router." not in name]


def test_routes_are_numbers_in_base_three() -> None:
    for layers in (1, 2, 4):
        routes = every_route(layers)
        assert routes.shape == (3**layers, layers)
        assert [tuple(one) for one in routes] == list(product(range(3), repeat=layers))
        assert all(route_of(index_of(one), layers) == tuple(one) for one in routes.tolist())
    with pytest.raises(ValueError, match="not 3"):
        index_of((0, 3))
    with pytest.raises(ValueError, match="no route"):
        route_of(9, 2)


@pytest.mark.parametrize("kind", ["Llama", "Qwen3", "GPTNeoX", "Phi"])
def test_all_big_is_the_backbone_to_the_last_digit(kind: str) -> None:
    torch: Any = import_module("torch")
    ids, model = sentences(3), backbone(3, kind)
    with torch.no_grad():
        before = model(ids).logits
        made = Duo.of(model, SMALLER)
        plain = made.model(ids).logits
        with made.using((BIG,) * 3):
            fixed = made.model(ids).logits
        routes = torch.full((*ids.shape, 3), BIG)
        routes[0, 0, 0] = SMALL  # now tokens are gathered
        with made.using(routes):
            mixed = made.model(ids).logits
    assert float((plain - before).abs().max()) == float((fixed - before).abs().max()) == 0
    assert float((mixed[1:] - before[1:]).abs().max()) <= 1e-5
    assert float((mixed[0] - before[0]).abs().max()) > 1e-4


def test_a_token_has_what_its_route_says_whatever_the_others_have() -> None:
    torch: Any = import_module("torch")
    made, ids = duo(3), sentences(4)
    routes = torch.randint(3, (*ids.shape, 3), generator=torch.Generator().manual_seed(1))
    layer, states = made.layers[1], torch.randn(4, 12, WIDTH)
    with torch.no_grad(), made.using(routes):
        out = layer(states)
    for row, token in product(range(4), range(12)):
        route, state = int(routes[row, token, 1]), states[row : row + 1, token : token + 1]
        with torch.no_grad():
            alone = {SKIP: torch.zeros_like(state), SMALL: layer.small(state), BIG: layer.big(state)}[route]
        assert float((out[row, token] - alone[0, 0]).abs().max()) <= 1e-5  # of values up to 5
    with torch.no_grad():
        layer.small.down_proj.weight.zero_()
        with made.using((SMALL,) * 3):
            assert float(layer(states).abs().max()) == 0
        with made.using((SKIP,) * 3):
            assert float(layer(states).abs().max()) == 0


def test_flops_are_those_of_the_modules_that_ran() -> None:
    torch: Any = import_module("torch")
    made, ids = duo(3), sentences(4)
    skip, small, big = made.costs()
    assert (skip, small, big) == (0, 2 * 3 * WIDTH * SMALLER, 2 * 3 * WIDTH * WIDE)
    routes = torch.randint(3, (*ids.shape, 3), generator=torch.Generator().manual_seed(2))
    with torch.no_grad(), FlopMeter(made) as meter, made.using(routes):
        made.model(ids)
    assert meter.total == sum(int((routes == way).sum()) * cost for way, cost in enumerate(made.costs()))
    for layer in range(3):
        assert meter.tokens[layer, "big"] == int((routes[..., layer] == BIG).sum())
        assert meter.tokens[layer, "small"] == int((routes[..., layer] == SMALL).sum())
    with torch.no_grad(), FlopMeter(made) as meter, made.using((SKIP, SMALL, SKIP)):
        made.model(ids)
    assert meter.total == ids.numel() * small  # no big module ran at all
    assert not any(part == "big" for _, part in meter.tokens)
    with torch.no_grad():
        made.model(ids)
    assert meter.total == ids.numel() * small  # the hooks are gone


@pytest.mark.parametrize("layers", [2, 4])
def test_the_oracle_is_the_best_of_all_routes_by_brute_force(layers: int) -> None:
    torch: Any = import_module("torch")
    made, ids = trained(layers), sentences(6, seed=9)
    losses = np.zeros((3**layers, 6))
    for place, route in enumerate(product(range(3), repeat=layers)):
        for row in range(6):
            with torch.no_grad(), made.using(route):
                losses[place, row] = float(made.losses(ids[row : row + 1]).mean())
    unit = [one / made.costs()[BIG] / layers for one in made.costs()]
    costs = [sum(unit[one] for one in route) for route in product(range(3), repeat=layers)]
    before = np.full(6, np.inf)
    for budget in (0.0, 0.25, 0.5, 0.75, 1.0):
        within = [place for place, cost in enumerate(costs) if cost <= budget + 1e-9]
        found = Search(made, ids).exhaustive(budget)
        assert np.abs(found.loss - losses[within].min(axis=0)).max() <= EXACT
        assert [index_of(one) for one in found.routes] == [within[at] for at in losses[within].argmin(axis=0)]
        assert (found.cost <= budget + 1e-9).all()
        assert (found.loss <= before + EXACT).all()
        assert found.tried == len(within)
        before = found.loss
    table = Search(made, ids).table()
    every = np.ones(3**layers, bool)
    assert np.abs(oracle_of(table, every, np.full(6, 11.0)) - losses.min(axis=0)).max() <= EXACT
    assert cross_fitted(table, every, np.full(6, 11.0)).mean() >= losses.min(axis=0).mean()
    assert null(table, every, np.full(6, 11.0), seed=0) < losses.mean(axis=0).mean()


def test_beams_find_what_all_routes_have_at_a_twentieth_of_the_cost() -> None:
    made, ids = trained(6), sentences(10, seed=9)
    search = Search(made, ids)
    table = search.table().sum(axis=2) / 11
    costs = np.asarray([search.cost(route) for route in every_route(6)])
    for budget in (0.3, 0.5):
        within = table[costs <= budget + 1e-9]
        found = Search(made, ids).beam(budget)
        assert found.tried <= 0.05 * 3**6
        assert (found.cost <= budget + 1e-9).all()
        recall = (within.mean() - found.loss.mean()) / (within.mean() - within.min(axis=0).mean())
        assert recall >= 0.95, recall
        stepwise = Search(made, ids).coordinate(budget)
        assert (found.loss.mean(), stepwise.loss.mean()) >= (within.min(axis=0).mean() - EXACT,) * 2


def test_a_search_guided_by_other_sequences_finds_more_than_beams_do_for_as_much() -> None:
    made, ids, others = trained(6), sentences(12, seed=9), sentences(48, seed=10)
    known = {tuple(one) for one in ids.tolist()}
    assert not any(tuple(one) in known for one in others.tolist())
    prior = Prior.of(Search(made, others).losses())
    search = Search(made, ids)
    table = search.losses()
    costs = np.asarray([search.cost(route) for route in every_route(6)])
    recall: dict[str, list[float]] = {"guided": [], "beam": []}
    for budget in (0.3, 0.5):
        within = table[costs <= budget + 1e-9]
        for name, found in (
            ("guided", Search(made, ids).guided(budget, prior)),
            ("beam", Search(made, ids).beam(budget)),
        ):
            assert found.tried <= 0.05 * 3**6
            assert (found.cost <= budget + 1e-9).all()
            told = [table[index_of(one), row] for row, one in enumerate(found.routes.tolist())]
            assert np.abs(found.loss - told).max() <= EXACT
            recall[name].append((within.mean() - found.loss.mean()) / (within.mean() - within.min(axis=0).mean()))
    print(recall)
    assert np.mean(recall["guided"]) >= max(0.98, float(np.mean(recall["beam"]))), recall
    # As many trials as there are routes find the best one, whatever the prior.
    few = sentences(4, seed=9)
    all_tried = Search(trained(2), few).guided(0.6, Prior.of(np.random.default_rng(0).normal(size=(9, 4))))
    assert (all_tried.routes == Search(trained(2), few).exhaustive(0.6).routes).all()
    with pytest.raises(UsageError, match="prior of 729 routes; 2 layers have 9"):
        Search(trained(2), few).guided(0.6, prior)


def seeing(number: int, runs: list[tuple[int, int]]) -> Any:
    """A hook that writes down for how many sequences a layer is run."""

    def see(layer: Any, given: Any, output: Any) -> None:
        del layer, output
        runs.append((number, given[0].shape[0]))

    return see


@pytest.mark.parametrize("kind", ["Llama", "Qwen3", "GPTNeoX", "Phi"])
def test_what_beginnings_of_routes_share_is_computed_once_and_changes_no_loss(kind: str) -> None:
    torch: Any = import_module("torch")
    made, ids = duo(3, kind), sentences(3)
    mask = torch.ones_like(ids)
    mask[1, 7:] = 0
    real = decoder_layers(made.model)
    runs: list[tuple[int, int]] = []
    for number, layer in enumerate(real):
        layer.register_forward_hook(seeing(number, runs))
    plain = Search(made, ids, mask).exhaustive(1.0)
    assert sum(count for _, count in runs) == 3 * 27 * 3
    runs.clear()
    with FlopMeter(made) as meter:
        kept = Search(made, ids, mask, keep=True).exhaustive(1.0)
    assert [sum(count for place, count in runs if place == layer) for layer in range(3)] == [3 * 3, 3 * 9, 3 * 27]
    assert [meter.tokens[layer, "big"] for layer in range(3)] == [ids.numel() * 3**layer for layer in range(3)]
    assert np.abs(plain.loss - kept.loss).max() <= EXACT
    assert (plain.routes == kept.routes).all()
    assert all(one is other for one, other in zip(decoder_layers(made.model), real, strict=True))
    search = Search(made, ids, mask, keep=True)
    runs.clear()
    search.beam(0.6)  # asks layer by layer
    assert 0 < sum(count for place, count in runs if place == 0) <= 3 * 3
    runs.clear()
    search.beam(0.6)  # all of it is known
    assert runs == []


def test_an_oracle_by_token_has_the_losses_of_its_routes_together() -> None:
    torch: Any = import_module("torch")
    made, ids = trained(2), sentences(3, seed=9)
    mask = torch.ones_like(ids)
    mask[0, 8:] = 0
    found = Search(made, ids, mask).by_token(0.5)
    with torch.no_grad(), made.using(found.routes):
        losses = made.losses(ids, mask).sum(1) / mask[:, 1:].sum(1)
    assert np.abs(losses.numpy() - found.loss).max() <= 1e-5
    assert (found.cost <= 0.5).all()
    best = Search(made, ids, mask).exhaustive(0.5)
    assert found.loss.mean() < best.loss.mean()
    few = Search(made, ids, mask).by_token(0.5, [(SKIP, SKIP)])
    assert (few.routes == SKIP).all()


def test_padding_changes_nothing() -> None:
    torch: Any = import_module("torch")
    made, ids = trained(2), sentences(2, seed=9)
    mask = torch.ones_like(ids)
    mask[1, 7:] = 0
    both, alone = Search(made, ids, mask).exhaustive(0.6), Search(made, ids[1:, :7]).exhaustive(0.6)
    assert both.loss[1] == pytest.approx(alone.loss[0], abs=EXACT)
    assert (both.routes[1] == alone.routes[0]).all()
    with pytest.raises(UsageError, match="fewer than two tokens"):
        Search(made, ids[:, :1])


def test_routers_with_forced_logits_reproduce_fixed_routes_and_never_read_what_comes() -> None:
    torch: Any = import_module("torch")
    made, ids = duo(3, seed=4), sentences(4)
    for route in ((SMALL, SKIP, BIG), (BIG, BIG, BIG), (SKIP, SKIP, SKIP)):
        with torch.no_grad():
            for layer, way in zip(made.layers, route, strict=True):
                layer.router.bias.copy_(torch.nn.functional.one_hot(torch.tensor(way), 3) * 100.0)
            with made.using(route):
                fixed = made.model(ids).logits
            with made.routed():
                routed = made.model(ids).logits
                taken = made.taken()
        assert float((fixed - routed).abs().max()) == 0
        assert (taken == torch.tensor(route)).all()
    with torch.no_grad():
        for layer in made.layers:
            layer.router.bias.zero_()
            layer.router.weight.normal_(std=3.0, generator=torch.Generator().manual_seed(layer.layer))
        other = ids.clone()
        other[:, 7:] = (other[:, 7:] + 11) % VOCABULARY
        with made.routed():
            made.model(ids)
            first = made.taken()
            made.model(other)
            second = made.taken()
    assert (first[:, :7] == second[:, :7]).all()
    assert (first[:, 7:] != second[:, 7:]).any()
    assert len(first.unique()) == 3


def test_routers_learn_within_their_budget_and_leave_the_model_alone() -> None:
    torch: Any = import_module("torch")
    made, ids = duo(2), sentences(256)
    train_mixed(made, ids, Mixed(steps=120, learning_rate=3e-3))
    before = same_weights(made)
    told = train_routers(made, ids, Routing(target=0.4, steps=60))
    assert all(torch.equal(one, other) for one, other in zip(before, same_weights(made), strict=True))
    assert np.mean(told[-5:]) < told[0]
    assert 0.1 < hard_cost(made, ids) <= 0.4
    held = sentences(64, seed=9)
    with torch.no_grad(), made.routed():
        routed = float(made.losses(held).mean())
    with torch.no_grad(), made.using((SMALL, SMALL)):
        small = float(made.losses(held).mean())
    assert routed < small
    labels = Search(made, ids[:64]).exhaustive(0.5)
    distil(made, ids[:64], np.asarray([[BIG, SKIP]] * 64), Routing(target=1.0, steps=60, learning_rate=0.1))
    with torch.no_grad(), made.routed():
        made.model(held)
        assert (made.taken() == torch.tensor([BIG, SKIP])).float().mean() > 0.99
    told = distil(made, ids[:64], labels.routes, Routing(target=0.5, steps=60, learning_rate=0.03))
    assert np.mean(told[-5:]) < np.mean(told[:5])
    assert hard_cost(made, ids[:64]) <= 0.5
    assert calibrate(made, ids, 0.0) == 0.0


def test_the_budget_loss_is_zero_at_the_target() -> None:
    torch: Any = import_module("torch")
    assert float(budget_loss(torch.tensor(0.4), 0.4)) == 0
    assert float(budget_loss(torch.tensor(0.6), 0.4)) == pytest.approx(0.04)


def test_small_modules_alone_can_be_trained_and_all_big_stays_what_it_was() -> None:
    torch: Any = import_module("torch")
    made, ids = duo(2), sentences(64)
    with torch.no_grad():
        before = made.model(ids).logits
    told = train_mixed(made, ids, Mixed(steps=30, only_small=True))
    with torch.no_grad():
        assert torch.equal(made.model(ids).logits, before)
    assert np.mean(told[-5:]) < np.mean(told[:5])
    again = duo(2)
    assert train_mixed(again, ids, Mixed(steps=30, only_small=True)) == told
    with pytest.raises(UsageError, match="add up to 1"):
        train_mixed(again, ids, Mixed(shares=(0.5, 0.5, 0.5)))


def test_a_folder_opens_as_what_was_saved_and_for_transformers_as_all_big(tmp_path: Path) -> None:
    torch: Any = import_module("torch")
    transformers: Any = import_module("transformers")
    made, ids = trained(2), sentences(4)
    made.save(tmp_path / "duo")
    opened = Duo.open(tmp_path / "duo")
    plain = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "duo", local_files_only=True)
    with torch.no_grad():
        for route in ((SMALL, BIG), (SKIP, SMALL)):
            with made.using(route), opened.using(route):
                assert torch.equal(made.model(ids).logits, opened.model(ids).logits)
        assert torch.equal(plain(ids).logits, opened.model(ids).logits)
    assert opened.small == SMALLER
    with pytest.raises(DataError, match="no model with two modules"):
        Duo.open(tmp_path)
    (tmp_path / "duo" / "duo.json").write_text("{}")
    with pytest.raises(DataError, match="cannot be read"):
        Duo.open(tmp_path / "duo")


def test_what_cannot_be_taken_apart_is_told() -> None:
    transformers: Any = import_module("transformers")
    config = transformers.OPTConfig(
        vocab_size=32, hidden_size=32, ffn_dim=64, num_hidden_layers=2, num_attention_heads=4, word_embed_proj_dim=32
    )
    with pytest.raises(UsageError, match="mlp"):
        Duo.of(transformers.OPTForCausalLM(config), 4)
    with pytest.raises(UsageError, match="1 to 63"):
        Duo.of(backbone(2), 64)
    made = duo(2)
    with pytest.raises(UsageError, match="two modules already"):
        Duo.of(made.model, 4)
    for routes in ((0, 1, 2), (0, 3)):
        with pytest.raises(UsageError, match="routes have 2 layers"), made.using(routes):
            pass
    deep = Search(Duo.of(backbone(9), 4), sentences(2))
    with pytest.raises(UsageError, match="19,683 routes"):
        deep.exhaustive(0.5)


TEXTS = [
    " ".join(["red", "blue", "stone", "north", "cloud", "lamp", "seven", "tree"][(at + step * n) % 8] for n in range(8))
    for at in range(8)
    for step in (1, 3)
]


async def test_from_a_model_and_texts_to_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dikast.cli import main

    monkeypatch.chdir(tmp_path)
    make(tmp_path / "tiny")
    (tmp_path / "t.jsonl").write_text("".join(json.dumps({"body": one}) + "\n" for one in TEXTS))
    told: list[str] = []
    recipe = Recipe(small=8, target=0.4, steps=40, router_steps=20, batch=8, learning_rate=3e-3)
    made = learn(TEXTS, f"transformers:{tmp_path / 'tiny'}", recipe, tmp_path / "out", told.append)
    assert made["mixed"]["last"] < made["mixed"]["first"]
    assert made["cost"] <= 0.4
    again = learn(TEXTS, f"transformers:{tmp_path / 'tiny'}", recipe, tmp_path / "out", told.append)
    assert "done already" in told[-2]
    assert (again["cost"], again["routers"]) == (made["cost"], made["routers"])
    with pytest.raises(UsageError, match="another recipe"):
        learn(TEXTS[:3], f"transformers:{tmp_path / 'tiny'}", recipe, tmp_path / "out")
    with pytest.raises(UsageError, match="only transformers:"):
        learn(TEXTS, "openvino:x", recipe, tmp_path / "other")
    oracle = replace(recipe, teach="oracle", steps=5)
    taught = learn(TEXTS[:4], f"transformers:{tmp_path / 'tiny'}", oracle, tmp_path / "taught")
    assert taught["oracle"]["cost"] <= 0.4
    run = ("duo", "run", "--duo", "out/duo", "--texts", "t.jsonl", "--columns", "text=body", "--budget", "0.4")
    assert await asyncio.to_thread(called, main, [*run, "-o", "study", "--json"]) == 0
    rows = [json.loads(line) for line in (tmp_path / "study" / "rows.jsonl").read_text().splitlines()]
    assert len(rows) == len(TEXTS)
    opened = Duo.open(tmp_path / "out" / "duo")
    for row in rows[:3]:
        output = row["output"]
        assert output["oracle"]["cost"] <= 0.4
        assert output["oracle"]["loss"] <= output["fixed"]["small"] + EXACT
        flops = output["router"]["cost"] * output["tokens"] * 2 * opened.costs()[BIG]
        assert output["router"]["flops"] == pytest.approx(flops)
        by_name = zip(("skip", "small", "big"), (0, 4, 8), strict=True)
        sums = [sum(one) / (output["tokens"] - 1) for one in output["oracle"]["losses"]]
        assert all(output["fixed"][name] == pytest.approx(sums[at], abs=1e-5) for name, at in by_name)
    assert await asyncio.to_thread(called, main, [*run, "-o", "study", "--json"]) == 0  # nothing is owed
    assert await asyncio.to_thread(called, main, ["runs", "show", "study", "1"]) == 0
    of = ("--texts", "t.jsonl", "--columns", "text=body", "--model", f"transformers:{tmp_path / 'tiny'}")
    few = ("--small", "8", "--steps", "3", "--router-steps", "3", "--only-small", "-o", "by-command", "--json")
    assert await asyncio.to_thread(called, main, ["duo", "train", *of, *few]) == 0
    assert (tmp_path / "by-command" / "duo" / "duo.json").is_file()
    missing = ("duo", "run", "--duo", "nowhere", "--texts", "t.jsonl", "--columns", "text=body", "-o", "none")
    assert await asyncio.to_thread(called, main, list(missing)) == 1


def called(main: Any, arguments: list[str]) -> int:
    """The exit code of a command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["dikast", *arguments])
        try:
            code = main()
        except SystemExit as ended:
            code = ended.code
    return int(code or 0)
