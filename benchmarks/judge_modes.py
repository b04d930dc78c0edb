"""Every judge mode on pairs that people have judged, by a real model; then the same again from what it said.

    python benchmarks/judge_modes.py --data ../shared/data/evals --json [--model openvino:smollm2-135m] [--pairs 6]

`--data` is a folder with `pandalm/`; the first pairs of each `.jsonl` in it that a majority of the annotators decided
are judged in both orders, once in each mode. The embedded model is far too small to judge: what the figures show is
that all that was asked is counted, and what so small a judge does.

`replay_equal`: the same runs over the recorded replies alone give the same verdicts, row by row.

`--references N`, with `pairwise/` in the folder: N labelled pairs of LLMBar, taken evenly over the file, are judged by
revisions and by GPT-4's recorded reply as the given reference: how near either is to the responses, and how often it
leads to the label.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

from benchmarks.machine import facts
from dikast import jobs
from dikast.agents.models.load import close_models
from dikast.evaluation.calibration import Calibration
from dikast.evaluation.comparison import annotator_agreement
from dikast.evaluation.interchange import llmbar, pandalm
from dikast.evaluation.interchange.columns import pairs_as_rows
from dikast.evaluation.items import Pair, gold_of
from dikast.evaluation.nearness import MEASURES
from dikast.files import write_jsonl
from dikast.graphs import reviseval
from dikast.graphs.reviseval.context import Mode
from dikast.graphs.reviseval.references import as_json, figures_of, gather
from dikast.graphs.reviseval.results import JudgedRun, calibrate_pairs, verdicts_of

MODEL = "openvino:smollm2-135m"
TOKENS = 64
"""Of a judgement and of a reference: a short explanation and a verdict; the whole takes minutes on two cores."""
DIGITS = 4
REFERENCE_JUDGE = "GPT-4/Metrics_Reference"
"""Whose records hold a reply of GPT-4's to each instruction."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with pandalm/")
    parser.add_argument("--model", default=MODEL, help="judge and reviser, a model spec without ? or &")
    parser.add_argument("--pairs", type=int, default=6, help="how many of each file")
    parser.add_argument("--references", type=int, default=0, help="how many pairs are judged by either reference")
    parser.add_argument("--full", action="store_true", help="all pairs")
    parser.add_argument("--rows", type=Path, help="write every verdict here")
    parser.add_argument("--json", action="store_true", help="only the last line on stdout (it always is one object)")
    args = parser.parse_args()
    paths = sorted((args.data / "pandalm").glob("*.jsonl"))
    with tempfile.TemporaryDirectory() as folder:
        found = [
            asyncio.run(of_file(path, args.model, None if args.full else args.pairs, Path(folder)))
            for path in paths
            if args.pairs
        ]
        references = asyncio.run(of_references(args.data / "pairwise", args.model, args.references, Path(folder)))
    if args.rows:
        write_jsonl(args.rows, [row for one in found for row in one["rows"]])
    files = [{name: value for name, value in one.items() if name != "rows"} for one in found]
    told = {"model": args.model, "tokens": TOKENS, "files": files, "references": references}
    print(json.dumps({**told, **facts("openvino-genai")}))


async def of_file(path: Path, model: str, count: int | None, folder: Path) -> dict[str, Any]:
    people = pandalm.read_pairs(path)
    pairs = [pair for pair in people if pair.gold is not None][:count]
    modes: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for mode in get_args(Mode):
        if mode == "human":
            continue  # the file has no references
        out = folder / path.stem / mode
        started = time.perf_counter()
        spoken = await judged(pairs, mode, f"?record={model}", out)
        seconds = time.perf_counter() - started
        replayed = await judged(pairs, mode, "", out.with_suffix(".again"))
        equal = verdicts_of(spoken) == verdicts_of(replayed)
        modes.append({"mode": mode, "seconds": round(seconds, 1), "replay_equal": equal, **figures(spoken)})
        rows += [{"file": path.name, "mode": mode, **asdict(verdict)} for verdict in verdicts_of(spoken)]
        print(f"{path.name}, {mode}: {modes[-1]}", file=sys.stderr)
    return {
        "file": path.name,
        "annotators": asdict(annotator_agreement(people)),
        "majority": dict(Counter(gold_of(pairs).values())),
        "modes": modes,
        "rows": rows,
    }


async def of_references(folder: Path, model: str, count: int, out: Path) -> dict[str, Any] | None:
    """The same pairs judged by revisions and by a recorded reply of GPT-4's."""
    if not count:
        return None
    recorded = llmbar.read_recorded(folder / "recorded_judgments.jsonl")
    replies = {run.id: run.stages[1].aux for run in recorded if run.evaluator == REFERENCE_JUDGE}
    known = [pair for pair in llmbar.read_pairs(folder / "pairs.jsonl") if replies.get(pair.id)]
    pairs = [replace(pair, reference=replies[pair.id] or "") for pair in known[:: max(1, len(known) // count)][:count]]
    adapted, given = [
        await judged(pairs, mode, f"?record={model}", out / "references" / mode) for mode in ("reviseval", "human")
    ]
    both = gather(adapted, given)
    told = as_json(both, figures_of(both, MEASURES, "half"))
    return {**told, "judges": [{"mode": run.name, **figures(run)} for run in (adapted, given)]}


async def judged(pairs: Sequence[Pair], mode: str, option: str, out: Path) -> JudgedRun:
    """The pairs judged in one mode, by replies that are recorded beside the run, or come from there alone."""
    out.parent.mkdir(parents=True, exist_ok=True)
    judge, solver = (f"replay:{out.with_suffix('')}.{role}.jsonl{option}" for role in ("judge", "solver"))
    sampling = {"max_tokens": TOKENS, "temperature": 0.0}
    made = reviseval.Context.model_validate(
        {
            "judges": [judge],
            "solver": solver if mode in ("direct", "reviseval") else None,
            "mode": mode,
            "ties": True,
            "judging": sampling,
            "revising": sampling,
        }
    )
    rows = [
        {
            name: row[name]
            for name in ("id", "instruction", "response_1", "response_2", "gold", "reference")
            if row[name]
        }
        for row in pairs_as_rows(pairs)
    ]
    try:
        summary = await jobs.run(reviseval.graph, rows, made, out)
    finally:
        await close_models()
    return JudgedRun(mode, list(jobs.Run.open(out).rows()), summary.usage, summary.owed or 0)


def figures(run: JudgedRun) -> dict[str, Any]:
    [measured] = calibrate_pairs(run)
    calls = {role: usage.calls for role, usage in run.usage.items()}
    return {**shares(measured), "outcomes": dict(Counter(row["outcome"] for row in run.rows)), "calls": calls}


def shares(measured: Calibration) -> dict[str, Any]:
    accuracy = measured.accuracy
    named = {"accuracy": accuracy.mean, "accuracy_ab": accuracy.ab, "accuracy_ba": accuracy.ba}
    bounds = {name: [round(one.value, DIGITS), round(one.if_unparsed_right, DIGITS)] for name, one in named.items()}
    return {
        "n": measured.n,
        "unparsed": [measured.unparsed_ab, measured.unparsed_ba],
        **bounds,
        "same_in_both_orders": round(measured.agreement.orders.value, DIGITS),
    }


if __name__ == "__main__":
    main()
