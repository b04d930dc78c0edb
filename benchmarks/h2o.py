"""H2O: exactness on tiny models; memory, speed, perplexity, OpenVINO's own eviction, and a judge's verdicts.

    python benchmarks/h2o.py --json --data DIR              # a small run; --full: more, longer, 8,192 tokens
    python benchmarks/h2o.py --json --only exact,speed      # parts; --out FILE keeps what is done if it is broken off

| part | what |
| --- | --- |
| exact | tiny Llama, OPT, GPT-NeoX: room for all beside the full cache; small beside a masked recomputation; batches |
| speed | SmolLM2 at 4,096 tokens and a random RoPE model at 16,384: memory, steps a second, reading a prompt |
| perplexity | SmolLM2 on the documents of the haystacks in DIR: a prompt, then a text token by token; by budget |
| openvino | OpenVINO GenAI's eviction: share of the cache in use, milliseconds a step, at about 1,600 tokens |
| flips | SmolLM2 as judge of pairs in DIR: how far a small cache shifts its verdict's log-odds behind an explanation |
| needles | tiny models, trained here to recall what a document told: numbers found by policy and budget |

Speed is of decoding steps alone, the upkeep of scores included; what is beside it is transformers' own `DynamicCache`
with torch's scaled dot product attention, in the same process and in turn. `cpu_ratio` is of processor seconds, which
other jobs on the machine stretch less, and so is `prefill_ratio`: ours by the full cache's. `excess` is perplexity over
the full cache's, less 1. Nothing was tuned but how the needles' models are trained, with seed 101.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Any

from machine import facts

from dikast.agents.judge import ALTERNATIVES, fields_of, prompt_of
from dikast.agents.models.catalog import find
from dikast.agents.models.load import load_model
from dikast.agents.models.openvino.native import Settings, import_genai, load_pipeline
from dikast.agents.models.request import Request, Sampling
from dikast.agents.models.transformers.loading import folder_of
from dikast.agents.models.transformers.model import TransformersModel
from dikast.agents.roles import Case
from dikast.decoding.kv import H2OCache, KVCache, policy_of
from dikast.graphs.summhay.haystack import read_haystack
from dikast.rows import read_rows

MODEL = "smollm2-135m"
SHARE = 0.1
"""Heavy and recent, each: the paper's 20 %."""
BUDGETS, POLICIES = (0.1, 0.2, 0.5), ("h2o", "sink", "window")
LENGTH, FURTHER, LONG = 4096, 8192, 16_384
READING = ("h2o", "snapkv")
"""Whose reading of a prompt is timed."""
STEPS, WARM = 12, 2
BLOCK_TOKENS, KV = 32, ("h2o", 192, 128)
OPENVINO_LENGTH, OPENVINO_STEPS = 1600, 40
SEEDS, FULL_SEEDS, DOCUMENTS = (1,), (1, 2, 3, 4, 5), 8
"""Of toys, and each one's documents, with three needles each. Tuned with seed 101: the toy's training alone."""
RUBRIC = "It carries out the instruction faithfully and completely, and what it says is correct."
SHORT, EXPLAINED = 900, 16
"""Characters of a judged pair, instruction and both answers: tokens of explanation. Small judges read no more."""
CACHES = {"full": ""} | {
    f"{name}_{2 * share:.0%}": f"?kv={name}&heavy={share}&recent={share}"
    for name, share in (("h2o", 0.25), ("h2o", 0.1), ("sink", 0.1))
}


def talk(text: str) -> None:
    """Progress."""
    print(f"{time.strftime('%T')} {text}", file=sys.stderr, flush=True)


def exact() -> dict[str, float]:
    """Largest differences of logits, over three architectures."""
    import h2o_reference as tiny

    full_budget: list[float] = []
    masked: list[float] = []
    batch: list[float] = []
    windows: list[float] = []

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
        windows.append(far(window, tiny.logits_of(model, H2OCache(model, 4, 5, policy="window"), ids)))
    return {
        "full_budget_diff": max(full_budget),
        "masked_diff": max(masked),
        "batch_diff": max(batch),
        "window_diff": max(windows),
    }


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


def speed(model: Any, length: int, steps: int) -> dict[str, Any]:
    """A cache of 20 % beside the full one."""
    import h2o_reference as tiny

    torch = tiny.torch
    ids = torch.randint(1, model.config.vocab_size, (1, length - steps), generator=torch.Generator().manual_seed(0))
    caches = {"full": tiny.transformers.DynamicCache(config=model.config)}
    caches |= {name: KVCache(model, policy_of(name, SHARE, SHARE)) for name in READING}
    prefill: dict[str, float] = {}
    with torch.inference_mode():
        for name, cache in caches.items():
            spent = time.process_time()
            model(input_ids=ids, cache=cache, use_cache=True, logits_to_keep=1)
            prefill[name] = time.process_time() - spent
            talk(f"{length} tokens: {name} read the prompt")
        full, small = caches["full"], caches["h2o"]
        full_bytes = sum(one.untyped_storage().nbytes() for layer in full.layers for one in (layer.keys, layer.values))
        sizes = small.nbytes / full_bytes, (small.nbytes + small.upkeep) / full_bytes
        timed, busy = step_times(model, {"small": small, "full": full}, steps - WARM)
    return {
        "length": length,
        "slots": small.slots,
        "memory_ratio": sizes[0],
        "memory_ratio_with_upkeep": sizes[1],
        "tokens_per_s_ratio": median(timed["full"]) / median(timed["small"]),
        "cpu_ratio": median(busy["full"]) / median(busy["small"]),
        "full_cpu_ms": median(busy["full"]) * 1000,
        "small_cpu_ms": median(busy["small"]) * 1000,
        "full_ms": median(timed["full"]) * 1000,
        "small_ms": median(timed["small"]) * 1000,
        "prefill_cpu_s": prefill,
        "prefill_ratio": {name: prefill[name] / prefill["full"] for name in READING},
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
    """A judge's verdicts on the same pairs in both orders, under each cache, as log-odds.

    A verdict that is the reply's first token comes from the whole prompt, and is the full cache's under any policy. So
    what is measured is a verdict behind an explanation: the judge's own under the full cache, the same for all.
    """
    pairs: list[Mapping[str, Any]] = [row.values for row in read_rows(data / "pairwise" / "pairs.jsonl")]
    short = [one for one in pairs if len(one["input"]) + len(one["output_1"]) + len(one["output_2"]) <= SHORT][:most]
    cases = [Case(pair["input"], (pair[f"output_{one}"], pair[f"output_{3 - one}"]), RUBRIC)
             for pair in short for one in (1, 2)]  # fmt: skip
    asked = [Request(tuple(prompt_of(case).render(fields_of(case, "mark"))), Sampling(max_tokens=EXPLAINED))
             for case in cases]  # fmt: skip
    odds: dict[str, list[float]] = {}
    said: list[str] = []
    for name, options in CACHES.items():
        model = load_model(f"transformers:{MODEL}{options}")
        assert isinstance(model, TransformersModel)
        said = said or [reply.text for [reply] in await asyncio.gather(*map(model.complete, asked))]
        odds[name] = [await log_odds(model, request, text) for request, text in zip(asked, said, strict=True)]
        await model.aclose()
        talk(f"judged with {name}")
    return {"pairs": len(short), "verdicts": len(asked), "explained_tokens": EXPLAINED,
            "names_one_place": fmean(value > 0 for value in odds["full"]),
            "size": fmean(map(abs, odds["full"])), "content_size": fmean(map(abs, content(odds["full"]))),
            "caches": {name: beside(odds["full"], mine) for name, mine in odds.items() if name != "full"}}  # fmt: skip


async def log_odds(model: TransformersModel, asked: Request, said: str) -> float:
    """How much likelier the first response's label is than the second's, in nats; unlikely ones count as the least."""
    [reply] = await model.complete(replace(asked, completion=f"{said}\n[[A", logprobs=ALTERNATIVES))
    if not reply.logprobs:
        raise RuntimeError(f"{model.spec} scores nothing")
    last = reply.logprobs[-1]
    found = {token.strip(): logprob for token, logprob in ((last.token, last.logprob), *last.top)}
    return found["A"] - found.get("B", min(found.values()))


def content(odds: Sequence[float]) -> list[float]:
    """For the response that the file names first: half the difference of both orders, in which the place cancels."""
    return [(shown - swapped) / 2 for shown, swapped in zip(odds[::2], odds[1::2], strict=True)]


def beside(full: Sequence[float], mine: Sequence[float]) -> dict[str, float]:
    """Mean absolute shifts of log-odds, and how many change their sign; of verdicts, and with the place cancelled."""
    told: dict[str, float] = {}
    for name, before, after in (("", full, mine), ("content_", content(full), content(mine))):
        both = list(zip(before, after, strict=True))
        told[f"{name}shift"] = fmean(abs(one - other) for one, other in both)
        told[f"{name}flipped"] = fmean((one > 0) != (other > 0) for one, other in both)
    return told


def needles(seeds: Sequence[int]) -> Mapping[str, Any]:
    """See `h2o_needles.py`."""
    import h2o_needles

    return h2o_needles.run(seeds, DOCUMENTS, talk)


def parts(given: argparse.Namespace) -> Iterator[tuple[str, Callable[[], Mapping[str, Any]]]]:
    """What is measured, by name."""
    wanted: Sequence[str] = given.only.split(",")
    model, tokenizer = smollm2() if {"speed", "perplexity"} & set(wanted) else (None, None)
    steps = 4 * STEPS if given.full else STEPS
    evals: Path | None = given.data / "evals" if given.data and (given.data / "evals").is_dir() else given.data
    every: dict[str, Callable[[], Mapping[str, Any]]] = {
        "exact": exact,
        "speed": lambda: {
            **speed(model, LENGTH, steps),
            **({"further": speed(model, FURTHER, steps)} if given.full else {}),
            "long": speed(long_model(), LONG, steps),
        },
        "needles": lambda: needles(FULL_SEEDS if given.full else SEEDS),
        "openvino": lambda: {"openvino": openvino()},
    }
    if evals is not None:
        every["perplexity"] = partial(perplexity, model, tokenizer, evals, given.full)
        every["flips"] = lambda: {"flips": asyncio.run(flips(evals, 20 if given.full else 4))}
    for name in wanted:
        if name in every:
            yield name, every[name]
        else:
            talk(f"{name}: left out; needs --data DIR")


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder shaped like the shared data, or its evals")
    parser.add_argument(
        "--only", default="exact,speed,perplexity,openvino,flips,needles", help="parts, comma-separated"
    )
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
