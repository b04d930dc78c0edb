"""H2O: exactness on tiny models; memory, speed, perplexity, OpenVINO's own eviction, and a judge's verdicts.

    python benchmarks/h2o.py --json --data DIR              # a small run; --full: longer texts, more of them
    python benchmarks/h2o.py --json --only exact,speed      # parts; --out FILE keeps what is done if it is broken off

| part | what |
| --- | --- |
| exact | tiny Llama, OPT, GPT-NeoX: room for all beside the full cache; small beside a masked recomputation; batches |
| speed | SmolLM2 at 4,096 tokens and a random RoPE model at 16,384: bytes of keys and values, decoding steps a second |
| perplexity | SmolLM2 on the documents of the haystacks in DIR: a prompt, then a text token by token; by budget |
| openvino | OpenVINO GenAI's eviction: share of the cache in use, milliseconds a step, at about 1,600 tokens |
| flips | SmolLM2 as judge of pairs in DIR: how often its verdict differs under a small cache, and under another order |

Speed is of decoding steps alone, the upkeep of scores included; what is beside it is transformers' own `DynamicCache`
with torch's scaled dot product attention, in the same process and in turn. Its keys and values are random numbers at
the same length (what a step costs does not depend on them). `cpu_ratio` is of processor seconds, which other jobs on
the machine stretch less. `excess` is perplexity over the full cache's, less 1. Nothing was tuned.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Any

from machine import facts

from dikast.agents.judge import load_judge
from dikast.agents.models.catalog import find
from dikast.agents.models.openvino.native import Settings, import_genai, load_pipeline
from dikast.agents.models.request import Sampling
from dikast.agents.models.transformers.loading import folder_of
from dikast.agents.roles import Case
from dikast.decoding.kv import H2OCache, KVCache, policy_of
from dikast.graphs.summhay.haystack import read_haystack
from dikast.rows import read_rows

MODEL = "smollm2-135m"
SHARE = 0.1
"""Heavy and recent, each: the paper's 20 %."""
BUDGETS, POLICIES = (0.1, 0.2, 0.5), ("h2o", "sink", "window")
LENGTH, LONG = 4096, 16_384
STEPS, WARM = 12, 2
BLOCK_TOKENS, KV = 32, ("h2o", 192, 128)
OPENVINO_LENGTH, OPENVINO_STEPS = 1600, 40
RUBRIC = "It carries out the instruction faithfully and completely, and what it says is correct."
SHORT = 1200
"""Characters of a judged pair, instruction and both answers: judges of this size read no more."""
CACHES = {"full": "", "h2o_50": "?kv=h2o&heavy=.25&recent=.25", "h2o_20": "?kv=h2o&heavy=.1&recent=.1"}


def talk(text: str) -> None:
    """Progress."""
    print(f"{time.strftime('%T')} {text}", file=sys.stderr, flush=True)


def exact() -> dict[str, float]:
    """Largest differences of logits, over three architectures."""
    import h2o_reference as tiny

    full_budget: list[float] = []
    masked: list[float] = []
    batch: list[float] = []

    def far(one: Any, other: Any) -> float:
        return float((one - other).abs().max())

    for model in map(tiny.make, tiny.SHAPES):
        ids = tiny.prompt_of(tiny.PROMPT)
        full = tiny.logits_of(model, tiny.transformers.DynamicCache(config=model.config), ids)
        full_budget.append(far(tiny.logits_of(model, H2OCache(model, 500, 500), ids), full))
        small = tiny.logits_of(model, H2OCache(model, 5, 6), ids)
        with tiny.reference(model, 5, 6):
            masked.append(far(small, tiny.logits_of(model, tiny.transformers.DynamicCache(config=model.config), ids)))
        prompts = [tiny.prompt_of(length, length) for length in (tiny.PROMPT, 13, 27)]
        together = tiny.logits_of(model, H2OCache(model, SHARE, SHARE), *tiny.padded(prompts))
        alone = [tiny.logits_of(model, H2OCache(model, SHARE, SHARE), prompt)[0] for prompt in prompts]
        batch += [far(mine, theirs) for mine, theirs in zip(together, alone, strict=True)]
        window = tiny.logits_of(model, H2OCache(model, 0, 9), ids)
        assert far(window, tiny.logits_of(model, H2OCache(model, 4, 5, policy="window"), ids)) == 0.0
    return {"full_budget_diff": max(full_budget), "masked_diff": max(masked), "batch_diff": max(batch)}


def smollm2() -> tuple[Any, Any]:
    """The model and its tokenizer."""
    import transformers

    folder = str(folder_of(MODEL))
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(folder)
    return model.eval(), transformers.AutoTokenizer.from_pretrained(folder)


def long_model() -> Any:
    """Random weights, RoPE, GQA: what a step at 16,384 tokens costs does not depend on what they say."""
    import h2o_reference as tiny

    tiny.torch.manual_seed(0)
    config = tiny.transformers.LlamaConfig(
        vocab_size=512, hidden_size=256, intermediate_size=512, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=2 * LONG,
    )  # fmt: skip
    return tiny.transformers.AutoModelForCausalLM.from_config(config).eval()


def speed(model: Any, length: int, steps: int) -> dict[str, float]:
    """A cache of 20 % beside the full one."""
    import h2o_reference as tiny

    torch = tiny.torch
    ids = torch.randint(1, model.config.vocab_size, (1, length), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        small, full = H2OCache(model, SHARE, SHARE), tiny.transformers.DynamicCache(config=model.config)
        started = time.perf_counter()
        model(input_ids=ids, cache=small, use_cache=True, logits_to_keep=1)
        prefill = time.perf_counter() - started
        shape = (1, *small.layers[0].keys.shape[1:2], length, small.layers[0].keys.shape[-1])
        for layer in range(len(small.layers)):
            full.update(torch.randn(shape), torch.randn(shape), layer)
        full_bytes = sum(one.untyped_storage().nbytes() for layer in full.layers for one in (layer.keys, layer.values))
        timed, busy = step_times(model, {"small": small, "full": full}, steps)
    return {
        "length": length,
        "slots": small.slots,
        "memory_ratio": small.nbytes / full_bytes,
        "memory_ratio_with_upkeep": (small.nbytes + small.upkeep) / full_bytes,
        "tokens_per_s_ratio": median(timed["full"]) / median(timed["small"]),
        "cpu_ratio": median(busy["full"]) / median(busy["small"]),
        "full_cpu_ms": median(busy["full"]) * 1000,
        "small_cpu_ms": median(busy["small"]) * 1000,
        "full_ms": median(timed["full"]) * 1000,
        "small_ms": median(timed["small"]) * 1000,
        "prefill_s": prefill,
    }


def step_times(
    model: Any, caches: Mapping[str, Any], steps: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds of each step by cache, and those of the processor; in turn, so that load meets both."""
    import h2o_reference as tiny

    token = tiny.torch.tensor([[5]])
    times: dict[str, list[float]] = {name: [] for name in caches}
    busy: dict[str, list[float]] = {name: [] for name in caches}
    for _ in range(steps + WARM):
        for name, cache in caches.items():
            started, spent = time.perf_counter(), time.process_time()
            model(input_ids=token, cache=cache, use_cache=True)
            times[name].append(time.perf_counter() - started)
            busy[name].append(time.process_time() - spent)
    kept = [{name: some[WARM:] for name, some in one.items()} for one in (times, busy)]
    return kept[0], kept[1]


def documents(data: Path, tokenizer: Any, length: int, count: int) -> Any:
    """Tokens of the first documents that are long enough, shape (count, length)."""
    import h2o_reference as tiny

    found: list[list[int]] = []
    for path in sorted((data / "summhay").glob("topic_*.json")):
        if path.name.endswith("scores.json"):
            continue
        for document in read_haystack(path).documents:
            tokens = tokenizer.encode(document.document_text, add_special_tokens=False)
            if len(tokens) >= length:
                found.append(tokens[:length])
            if len(found) == count:
                return tiny.torch.tensor(found)
    return tiny.torch.tensor(found)


def perplexity(model: Any, tokenizer: Any, data: Path, full: bool) -> dict[str, Any]:
    """By policy and budget, all documents in one batch."""
    prompt, text, count = (512, 256, 16) if full else (256, 64, 4)
    ids = documents(data, tokenizer, prompt + text, count)
    losses = {"full": {"1": read(model, KVCache(model, policy_of("full")), ids, prompt)}}
    for name in POLICIES:
        losses[name] = {}
        for budget in BUDGETS:
            cache = KVCache(model, policy_of(name, budget / 2, budget / 2))
            losses[name][str(budget)] = read(model, cache, ids, prompt)
            talk(f"perplexity {name} {budget}: {math.exp(fmean(losses[name][str(budget)])):.2f}")
    made = {name: {at: math.exp(fmean(one)) for at, one in some.items()} for name, some in losses.items()}
    base = made["full"]["1"]
    excess = {name: {at: one / base - 1 for at, one in some.items()} for name, some in made.items() if name != "full"}
    return {
        "perplexity": made,
        "excess": excess,
        "excess_ratio": {at: excess["h2o"][at] / excess["sink"][at] for at in excess["h2o"]},
        "documents": len(ids),
        "prompt_tokens": prompt,
        "text_tokens": text,
    }


def read(model: Any, cache: Any, ids: Any, prompt: int) -> list[float]:
    """Losses of the text's tokens, read one by one behind the prompt."""
    import h2o_reference as tiny

    losses: list[float] = []
    with tiny.torch.inference_mode():
        logits = model(input_ids=ids[:, :prompt], cache=cache, use_cache=True, logits_to_keep=1).logits[:, -1]
        for place in range(prompt, ids.shape[1]):
            table = logits.float().log_softmax(-1)
            losses += (-table.gather(1, ids[:, place, None])[:, 0]).tolist()
            if place + 1 < ids.shape[1]:
                logits = model(input_ids=ids[:, place, None], cache=cache, use_cache=True).logits[:, -1]
    return losses


def openvino() -> dict[str, float]:
    """The engine's own figures: blocks in use while it writes, and seconds a step."""
    genai = import_genai()
    used: dict[str, float] = {}
    steps: dict[str, float] = {}
    busy: dict[str, float] = {}
    for name, kv in (("full", None), ("small", KV)):
        pipeline = load_pipeline(genai, find(MODEL), Settings(threads=1, cache_gb=1, kv=kv))
        words = " ".join(f"Box {number} holds {number * 7 % 13} apples." for number in range(OPENVINO_LENGTH // 8))
        tokens = pipeline.get_tokenizer().encode(words).input_ids
        config = genai.GenerationConfig()
        config.max_new_tokens, config.ignore_eos = OPENVINO_STEPS, True
        handle = pipeline.add_request(0, tokens, config)
        times: list[float] = []
        spent: list[float] = []
        usage: list[float] = []
        while pipeline.has_non_finished_requests():
            started, used_up = time.perf_counter(), time.process_time()
            pipeline.step()
            times.append(time.perf_counter() - started)
            spent.append(time.process_time() - used_up)
            usage.append(pipeline.get_metrics().cache_usage)
        del handle
        used[name], steps[name], busy[name] = (median(one[2:-1]) for one in (usage, times, spent))
        used[f"{name}_tokens"] = tokens.shape[1]
        del pipeline
    return {
        "kv_ratio": used["small"] / used["full"],
        "step_ratio": steps["small"] / steps["full"],
        "step_cpu_ratio": busy["small"] / busy["full"],
        "full_step_cpu_ms": busy["full"] * 1000,
        "small_step_cpu_ms": busy["small"] * 1000,
        "prompt_tokens": used["full_tokens"],
        "full_step_ms": steps["full"] * 1000,
        "small_step_ms": steps["small"] * 1000,
    }


async def flips(data: Path, most: int) -> dict[str, Any]:
    """Verdicts of one judge on the same pairs in both orders, under each cache."""
    pairs: list[Mapping[str, Any]] = [row.values for row in read_rows(data / "pairwise" / "pairs.jsonl")]
    short = [one for one in pairs if len(one["input"]) + len(one["output_1"]) + len(one["output_2"]) <= SHORT][:most]
    told: dict[str, list[tuple[str, str]]] = {}
    for name, options in CACHES.items():
        judge = load_judge(f"logprobs+transformers:{MODEL}{options}")
        told[name] = [(await verdict(judge, pair, False), await verdict(judge, pair, True)) for pair in short]
        talk(f"judged with {name}")
        close: Callable[[], Any] = getattr(judge.model, "aclose")  # noqa: B009
        await close()
    flipped = {
        name: fmean(mine != theirs for some, full in zip(told[name], told["full"], strict=True)
                    for mine, theirs in zip(some, full, strict=True))
        for name in CACHES if name != "full"
    }  # fmt: skip
    contradicted = {name: fmean(first != second for first, second in some) for name, some in told.items()}
    unread = sum(side not in ("1", "2") for some in told.values() for both in some for side in both)
    return {"pairs": len(short), "verdicts": 2 * len(short), "flipped": flipped,
            "order_contradictions": contradicted, "unparsed": unread}  # fmt: skip


async def verdict(judge: Any, pair: Mapping[str, Any], swapped: bool) -> str:
    """Which answer is better, as `1` or `2` of the file whatever the order in which they are shown; or the outcome."""
    texts = (pair["output_1"], pair["output_2"])
    case = Case(pair["input"], texts[::-1] if swapped else texts, RUBRIC)
    found = await judge.judge(case, sampling=Sampling(max_tokens=8))
    names = ("2", "1") if swapped else ("1", "2")
    return {"first": names[0], "second": names[1]}.get(found.side, str(found.side or found.outcome))


def parts(given: argparse.Namespace) -> Iterator[tuple[str, Callable[[], Mapping[str, Any]]]]:
    """What is measured, by name."""
    wanted: Sequence[str] = given.only.split(",")
    model, tokenizer = smollm2() if {"speed", "perplexity"} & set(wanted) else (None, None)
    steps = 4 * STEPS if given.full else STEPS
    evals: Path | None = given.data / "evals" if given.data and (given.data / "evals").is_dir() else given.data
    every: dict[str, Callable[[], Mapping[str, Any]]] = {
        "exact": exact,
        "speed": lambda: {**speed(model, LENGTH, steps), "long": speed(long_model(), LONG, steps)},
        "openvino": lambda: {"openvino": openvino()},
    }
    if evals is not None:
        every["perplexity"] = partial(perplexity, model, tokenizer, evals, given.full)
        every["flips"] = lambda: {"flips": asyncio.run(flips(evals, 40 if given.full else 6))}
    for name in wanted:
        if name in every:
            yield name, every[name]
        else:
            talk(f"{name}: left out; needs --data DIR")


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder shaped like the shared data, or its evals")
    parser.add_argument("--only", default="exact,speed,perplexity,openvino,flips", help="parts, comma-separated")
    parser.add_argument("--full", action="store_true", help="longer texts, more of them")
    parser.add_argument("--out", type=Path, help="write what is done after each part")
    parser.add_argument("--json", action="store_true", help="print JSON (it always does)")
    given = parser.parse_args()
    told: dict[str, Any] = {**facts("torch", "transformers", "openvino-genai"), "full": given.full}
    for name, measure in parts(given):
        talk(name)
        told |= measure()
        if given.out:
            given.out.write_text(json.dumps(told))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
