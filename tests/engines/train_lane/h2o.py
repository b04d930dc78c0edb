"""Caches that forget, beside an independent recomputation that keeps everything and masks; over three architectures."""

from __future__ import annotations

import random
from collections.abc import Sequence
from importlib import import_module
from typing import Any, cast

import pytest

from benchmarks import h2o_toy as toy
from benchmarks.h2o_reference import MADE, PROMPT, SHAPES, logits_of, make, padded, prompt_of, reference
from dikast.decoding.kv import POLICIES, H2OCache, KVCache, policy_of, weights
from dikast.decoding.kv import layer as layers
from dikast.errors import UsageError
from dikast.graphs.h2o.needles import with_needle

torch: Any = import_module("torch")
transformers: Any = import_module("transformers")

EXACT, ROUNDING = 1e-5, 1e-4
AMOUNTS = ((0.1, 0.1), (8, 8), (0.3, 0.0), (0, 5), (20, 10))


@pytest.fixture(scope="module", params=SHAPES)
def model(request: pytest.FixtureRequest) -> Any:
    return make(request.param)


@pytest.fixture(scope="module")
def llama() -> Any:
    return make("llama")


def step(model: Any, cache: Any, ids: Any, mask: Any) -> Any:
    """One pass; logits of all its columns."""
    places = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=mask, position_ids=places, cache=cache, use_cache=True).logits


@pytest.mark.parametrize("policy", POLICIES)
def test_a_cache_with_room_for_all_is_the_full_cache(model: Any, policy: str) -> None:
    ids = prompt_of(PROMPT)
    before = logits_of(model, transformers.DynamicCache(config=model.config), ids)
    cache = H2OCache(model, 500, 500, policy=policy)
    assert float((logits_of(model, cache, ids) - before).abs().max()) == 0.0
    assert cache.layers[0].kept[0][0] == list(range(PROMPT + MADE - 1))
    assert float((logits_of(model, None, ids) - before).abs().max()) == 0.0, "a watched model is as before elsewhere"


@pytest.mark.parametrize(("heavy", "recent"), [(5, 6), (12, 4), (4, 0), (1, 1)])
def test_a_small_cache_is_the_masked_recomputation(model: Any, heavy: int, recent: int) -> None:
    ids = prompt_of(PROMPT)
    cache = H2OCache(model, heavy, recent)
    mine = logits_of(model, cache, ids)
    with reference(model, heavy, recent) as full:
        theirs = logits_of(model, transformers.DynamicCache(config=model.config), ids)
    assert float((mine - theirs).abs().max()) <= EXACT
    for at, layer in enumerate(cache.layers):
        kept = [head.nonzero()[:, 0].tolist() for head in full.alive[at]]
        assert layer.kept[0] == kept
        assert all(len(places) == heavy + recent for places in kept)
        mass = full.scores[at].sum(-1) + full.lost[at]
        assert torch.allclose(mass, torch.full_like(mass, PROMPT + MADE - 1), atol=1e-3)
        held = layer._scores[0, :, : layer.width].sum(-1)
        assert torch.allclose(held, full.scores[at].sum(-1), atol=1e-4)
    if recent:
        last = list(range(PROMPT + MADE - 1 - recent, PROMPT + MADE - 1))
        assert all(set(last) <= set(head) for head in cache.layers[0].kept[0])


@pytest.mark.parametrize("policy", POLICIES)
def test_a_padded_row_is_as_it_is_alone(llama: Any, policy: str) -> None:
    for heavy, recent in AMOUNTS:
        check_alone(llama, policy, heavy, recent)


def test_so_it_is_in_other_architectures(model: Any) -> None:
    check_alone(model, "h2o", 0.1, 0.1)
    check_alone(model, "h2o", 20, 10)


def check_alone(model: Any, policy: str, heavy: float, recent: float) -> None:
    """Prompts of 40, 13 and 27 tokens together, left-padded, and each alone: equal logits, and equal tokens kept."""
    prompts = [prompt_of(length, length) for length in (PROMPT, 13, 27)]
    ids, mask = padded(prompts)
    together = H2OCache(model, heavy, recent, policy=policy)
    rows = logits_of(model, together, ids, mask, made=8)
    for row, prompt in enumerate(prompts):
        alone = H2OCache(model, heavy, recent, policy=policy)
        assert float((logits_of(model, alone, prompt, made=8)[0] - rows[row]).abs().max()) <= ROUNDING
        for mine, theirs in zip(together.layers, alone.layers, strict=True):
            assert mine.kept[row] == theirs.kept[0]


def test_without_heavy_slots_it_is_a_sliding_window(model: Any) -> None:
    ids = prompt_of(PROMPT)
    window = logits_of(model, H2OCache(model, 4, 5, policy="window"), ids)
    assert float((logits_of(model, H2OCache(model, 0, 9), ids) - window).abs().max()) <= EXACT
    sink = H2OCache(model, 4, 5, policy="sink")
    assert float((logits_of(model, sink, ids) - window).abs().max()) > EXACT
    last = PROMPT + MADE - 1
    assert sink.layers[0].kept[0][0] == [0, 1, 2, 3, *range(last - 5, last)]


def test_memory_stays_while_places_grow(llama: Any) -> None:
    ids = prompt_of(200)
    cache, full = H2OCache(llama, 10, 10), H2OCache(llama, policy="full")
    sizes: list[int] = []
    for one in (cache, full):
        step(llama, one, ids, torch.ones_like(ids))
    for count in range(30):
        step(llama, cache, ids[:, :1], torch.ones((1, 201 + count), dtype=torch.long))
        sizes.append(cache.nbytes)
    assert cache.get_seq_length() == 230
    layer = cache.layers[0]
    assert layer.keys.shape == layer.values.shape == (1, 2, 20, 12)
    # One slot stands ready for the next token; nothing else is held, and no view keeps a larger tensor alive.
    assert set(sizes) == {2 * 2 * 2 * 21 * 12 * 4}
    assert layer.keys.untyped_storage().nbytes() == 2 * 21 * 12 * 4
    assert full.nbytes == 2 * 2 * 2 * 200 * 12 * 4
    assert max(max(head) for head in layer.kept[0]) == 229


def test_a_prompt_in_parts_is_the_prompt(llama: Any) -> None:
    prompts = [prompt_of(length, length) for length in (PROMPT, 17)]
    ids, mask = padded(prompts)
    for policy in POLICIES:
        whole, parts = (H2OCache(llama, 0.2, 0.2, policy=policy) for _ in range(2))
        one = step(llama, whole, ids, mask)[:, -1]
        with parts.filling():
            for start, end in ((0, 11), (11, 30), (30, PROMPT)):
                many = step(llama, parts, ids[:, start:end], mask[:, :end])[:, -1]
        assert float((one - many).abs().max()) <= ROUNDING
        assert [layer.kept for layer in whole.layers] == [layer.kept for layer in parts.layers]


def test_rows_that_go_and_come_leave_the_others_alone(llama: Any) -> None:
    prompts = [prompt_of(length, length) for length in (PROMPT, 13, 27)]
    alone = [H2OCache(llama, 0.2, 0.2) for _ in prompts]
    for cache, prompt in zip(alone, prompts, strict=True):
        step(llama, cache, prompt, torch.ones_like(prompt))
    ids, mask = padded(prompts[:2])
    cache = H2OCache(llama, 0.2, 0.2)
    step(llama, cache, ids, mask)
    cache.merge(alone[2])
    cache.batch_select_indices(torch.tensor([1, 2]))
    again = H2OCache(llama, 0.2, 0.2)
    step(llama, again, prompts[1], torch.ones_like(prompts[1]))
    mask = padded(prompts[1:])[1]
    for count in range(8):
        mask = torch.nn.functional.pad(mask, (0, 1), value=1)
        token = torch.tensor([[3 + count], [4 + count]])
        got = step(llama, cache, token, mask)[:, 0]
        for row, one in enumerate((again, alone[2])):
            lone = torch.ones((1, prompts[1 + row].shape[1] + count + 1), dtype=torch.long)
            want = step(llama, one, token[row : row + 1], lone)[0, 0]
            assert float((got[row] - want).abs().max()) <= ROUNDING


def test_beams_take_their_scores_along(llama: Any) -> None:
    ids = prompt_of(PROMPT)
    given = {"num_beams": 3, "max_new_tokens": 12, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}
    full = llama.generate(ids, **given)
    roomy = llama.generate(ids, cache=H2OCache(llama, 500, 500), **given)
    assert full.tolist() == roomy.tolist()
    cache = H2OCache(llama, 5, 5)
    step(llama, cache, ids.expand(3, -1), torch.ones((3, PROMPT), dtype=torch.long))
    step(llama, cache, torch.tensor([[1], [2], [3]]), torch.ones((3, PROMPT + 1), dtype=torch.long))
    before = cache.layers[1]._scores.clone()
    kept = cache.layers[1].kept
    cache.reorder_cache(torch.tensor([2, 2, 0]))
    assert torch.equal(cache.layers[1]._scores[:, :, :10], before[[2, 2, 0]][:, :, :10])
    assert cache.layers[1].kept == [kept[2], kept[2], kept[0]]
    assert kept[2] != kept[0] or not torch.equal(before[0], before[2])


def test_no_tensor_of_tokens_by_tokens_is_made(llama: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    length, cells = 512, 1 << 14
    monkeypatch.setattr(weights, "CELLS", cells)
    mode = import_module("torch.utils._python_dispatch").TorchDispatchMode
    largest = 0

    class Watching(mode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal largest
            made: Any = function(*args, **(kwargs or {}))
            parts = cast(Sequence[Any], made) if isinstance(made, tuple) else (made,)
            largest = max([largest, *(one.numel() for one in parts if isinstance(one, torch.Tensor))])
            return cast(Any, made)

    ids, mask = padded([prompt_of(length), prompt_of(length - 9)])
    for policy in ("h2o", "snapkv"):
        with Watching():
            step(llama, H2OCache(llama, policy=policy), ids, mask)
    # Embeddings, logits and keys are linear in the length: 2 rows of 512 by 96 at most.
    assert largest <= 2 * length * 96
    assert largest < length * length


@pytest.mark.parametrize("cells", [1, 300, 1 << 20])
@pytest.mark.parametrize("pads", [0, 4])
def test_attention_in_parts_is_attention(monkeypatch: pytest.MonkeyPatch, cells: int, pads: int) -> None:
    """Output and sums of eleven queries behind six slots, beside one softmax over all; the second row is padded."""
    monkeypatch.setattr(weights, "CELLS", cells)
    draw = torch.Generator().manual_seed(0)
    query, keys, values = (
        torch.randn(shape, generator=draw) for shape in ((2, 6, 11, 8), (2, 2, 17, 8), (2, 2, 17, 5))
    )
    positions, places = torch.arange(17).repeat(2, 1), torch.arange(6, 17).repeat(2, 1)
    if pads:
        positions[1], places[1, :pads] = torch.cat([positions[1, :6], places[1]]) - pads, weights.EMPTY
        positions[1, :6], positions[1, 6 : 6 + pads] = torch.arange(6), weights.EMPTY
        places[1, pads:] = positions[1, 6 + pads :] = torch.arange(6, 17 - pads)
    sight = weights.Sight(positions, places, plain=not pads)
    out, sums = weights.weigh(query, keys, values, 0.3, sight)
    logits = query @ keys.repeat_interleave(3, 1).transpose(-1, -2) * 0.3
    seen = (positions[:, None, None] >= 0) & (positions[:, None, None] <= places[:, None, :, None])
    full = logits.masked_fill(~seen, float("-inf")).softmax(-1).nan_to_num(0.0)
    wanted = (full @ values.repeat_interleave(3, 1)).transpose(1, 2)
    assert float((out - wanted)[places >= 0].abs().max()) <= EXACT
    assert float((sums - full.sum(2).view(2, 2, 3, 17).mean(2)).abs().max()) <= EXACT
    assert float((weights.weigh(query, keys, None, 0.3, sight)[1] - sums).abs().max()) <= EXACT


def test_a_prompt_is_attended_to_once(llama: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where weights are summed they give the output too; torch's kernel is for those who have room, or need no sums."""
    calls = {"fused": 0, "weighed": 0}

    def counted(name: str, do: Any) -> Any:
        def call(*args: Any, **given: Any) -> Any:
            calls[name] += 1
            return do(*args, **given)

        return call

    monkeypatch.setattr(layers, "sdpa", counted("fused", layers.sdpa))
    monkeypatch.setattr(layers, "weigh", counted("weighed", layers.weigh))
    ids = prompt_of(PROMPT)
    for policy, amount, fused, weighed in (
        ("h2o", 5, 0, 2), ("h2o", 500, 2, 2), ("window", 5, 2, 0), ("sink", 5, 2, 0), ("snapkv", 5, 2, 2),
    ):  # fmt: skip
        calls.update(fused=0, weighed=0)
        step(llama, H2OCache(llama, amount, amount, policy=policy), ids, torch.ones_like(ids))
        assert calls == {"fused": fused, "weighed": weighed}, policy


@pytest.mark.parametrize("policy", POLICIES)
def test_the_first_token_comes_from_the_whole_prompt(model: Any, policy: str) -> None:
    """So a verdict of one token is the full cache's under any policy, and the second token is not."""
    ids = prompt_of(PROMPT)
    full = logits_of(model, transformers.DynamicCache(config=model.config), ids, made=3)
    small = logits_of(model, H2OCache(model, 2, 2, policy=policy), ids, made=3)
    assert float((full - small)[:, 0].abs().max()) <= EXACT
    assert bool((full - small)[:, 1].abs().max() > EXACT) is (policy != "full")


def test_what_cannot_be_is_refused(llama: Any) -> None:
    ids = prompt_of(PROMPT)
    cache = H2OCache(llama)
    with pytest.raises(UsageError, match="gradients"):
        llama(input_ids=ids, cache=cache)
    cache = H2OCache(llama)
    step(llama, cache, ids, torch.ones_like(ids))
    with pytest.raises(UsageError, match="cannot be cropped"):
        cache.crop(-3)
    with pytest.raises(ValueError, match="Assisted decoding requires a cache that can be cropped"):
        llama.generate(ids, cache=H2OCache(llama), prompt_lookup_num_tokens=2, max_new_tokens=5, pad_token_id=0)
    with pytest.raises(UsageError, match="different policies"):
        cache.merge(KVCache(llama, policy_of("window")))
    sliding = transformers.MistralConfig(
        vocab_size=9, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, sliding_window=4,
    )  # fmt: skip
    with pytest.raises(UsageError, match="sliding"):
        H2OCache(transformers.AutoModelForCausalLM.from_config(sliding))


def test_bfloat16_keeps_its_type(llama: Any) -> None:
    small = make("llama").to(torch.bfloat16)
    cache = H2OCache(small, 5, 5)
    assert torch.isfinite(logits_of(small, cache, prompt_of(PROMPT))).all()
    assert cache.layers[0].keys.dtype == torch.bfloat16
    assert cache.layers[0]._scores.dtype == torch.float32


def test_needles_of_the_benchmark_are_asked_for_as_the_command_asks() -> None:
    """A statement that begins again is the document's own, and its last three tokens are the number's."""
    tokenizer = toy.make_tokenizer()
    prompt, number = with_needle("ba la do ri. ki su lu to.", "a key", 0.5)
    body, statement = toy.asked_later(prompt, number)
    assert statement in body
    assert body in prompt
    assert "What is the secret number of" not in body
    tokens = tokenizer.encode(statement, add_special_tokens=False)
    assert len(tokens) == toy.NUMBER_AT + 3
    assert tokenizer.decode(tokens[toy.NUMBER_AT :]) == number
    assert tokenizer.unk_token_id not in tokenizer.encode(prompt, add_special_tokens=False)
    lesson, marks = toy.lesson(random.Random(1), tokenizer, 4, 2)
    assert len(lesson) == len(marks)
    assert marks[-4:] == [toy.ANSWER] * 4
