"""Recorded judges read again: every verdict, every official statistic, and metrics that judge without a model.

    python benchmarks/judge_replay.py --data ../shared/data/evals --json

`--data` is a folder with `pairwise/` (and `pandalm/`); whatever judges, subsets and annotators it holds are used.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from machine import facts

from dikast.evaluation.agreement import cohen_kappa
from dikast.evaluation.calibration import calibrate
from dikast.evaluation.comparison import annotator_agreement
from dikast.evaluation.interchange import llmbar, pandalm
from dikast.evaluation.items import Pair, gold_of
from dikast.evaluation.metrics.lexical import Metric, bleu, chrf, rouge
from dikast.evaluation.metrics.vote import longer_wins, majority_of_metrics, metric_votes
from dikast.files import write_jsonl
from dikast.verdicts import PairVerdict, Winner

VOTING: dict[str, Metric] = {
    "bleu": bleu,
    "chrf": chrf,
    "rouge1": partial(rouge, kind="rouge1"),
    "rougeL": partial(rouge, kind="rougeL"),
}
REFERENCE_JUDGE = "GPT-4/Metrics_Reference"
"""The recorded judge whose second stage is a direct reply, which serves as the reference."""
EXPECTED_DIGITS = 6
"""`expected_reference_metrics.json` is rounded to these."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with pairwise/")
    parser.add_argument("--rows", type=Path, help="write every verdict here")
    parser.add_argument("--full", action="store_true", help="accepted for uniformity")
    parser.add_argument("--json", action="store_true", help="only the last line on stdout (it always is one object)")
    args = parser.parse_args()
    folder: Path = args.data / "pairwise"
    pairs = {pair.id: pair for pair in llmbar.read_pairs(folder / "pairs.jsonl")}
    recorded = llmbar.read_recorded(folder / "recorded_judgments.jsonl")
    found = {**completions(recorded), **runs(folder / "official_statistics.json", pairs, recorded)}
    print(f"{found['runs_equal']} of {found['runs']} runs equal", file=sys.stderr)
    found |= reference_metrics(folder / "expected_reference_metrics.json", pairs, recorded)
    if (args.data / "pandalm").is_dir():
        found["annotators"] = [annotators(path) for path in sorted((args.data / "pandalm").glob("*.jsonl"))]
    if args.rows:
        write_jsonl(args.rows, [verdict_row(run) for run in recorded])
    print(json.dumps({**found, **facts("sacrebleu", "rouge-score")}))


def verdict_row(run: llmbar.Recorded) -> dict[str, object]:
    verdict = run.verdict()
    return {"id": run.id, "evaluator": run.evaluator, "ab": verdict.ab, "ba": verdict.ba}


def completions(recorded: Sequence[llmbar.Recorded]) -> dict[str, object]:
    """Of each run's last stage, which decides; and of all stages."""
    last, every = Counter[bool](), Counter[bool]()
    for run in recorded:
        for stage in run.stages:
            right = stage_right(run, stage)
            every.update(right)
            last.update(right if stage is run.stages[-1] else [])
    return {
        "completions": last.total(),
        "parsed_right": last[True],
        "all_stages": {"completions": every.total(), "parsed_right": every[True]},
        "unparsed": sum((v.ab is None) + (v.ba is None) for v in (run.verdict() for run in recorded)),
    }


def stage_right(run: llmbar.Recorded, stage: llmbar.Stage) -> list[bool]:
    if stage.ab is None or stage.ba is None or stage.ab.completion is None or stage.ba.completion is None:
        return []
    ours = llmbar.Recorded(run.id, run.evaluator, (stage,)).verdict()
    return [ours.ab == stage.ab.winner, ours.ba == stage.ba.winner]


def runs(statistics: Path, pairs: dict[str, Pair], recorded: Sequence[llmbar.Recorded]) -> dict[str, object]:
    gold = gold_of(pairs.values())
    by_run: defaultdict[tuple[str, str], list[PairVerdict]] = defaultdict(list)
    for run in recorded:
        by_run[run.evaluator, pairs[run.id].group].append(run.verdict())
    rows: list[dict[str, object]] = []
    for official in json.loads(statistics.read_text()):
        verdicts = by_run[official["evaluator"], official["subset"]]
        ours = llmbar.official_statistics(verdicts, gold)
        row = {"evaluator": official["evaluator"], "subset": official["subset"]}
        equal = all(official["official"][name] == value for name, value in ours.items())
        rows.append({**row, "equal": equal, "n": len(verdicts), **kappas(verdicts, gold)})
    return {"runs": len(rows), "runs_equal": sum(row["equal"] is True for row in rows), "rows": rows}


def kappas(verdicts: Sequence[PairVerdict], gold: dict[str, Winner]) -> dict[str, float]:
    ab, ba, right = [v.ab for v in verdicts], [v.ba for v in verdicts], [gold[v.id] for v in verdicts]
    named = {
        "kappa_ab": cohen_kappa(ab, right),
        "kappa_ba": cohen_kappa(ba, right),
        "kappa_orders": cohen_kappa(ab, ba),
    }
    return {name: round(value, EXPECTED_DIGITS) for name, value in named.items()}


def reference_metrics(expected: Path, pairs: dict[str, Pair], recorded: Sequence[llmbar.Recorded]) -> dict[str, object]:
    references = {run.id: run.stages[1].aux for run in recorded if run.evaluator == REFERENCE_JUDGE}
    credits: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for id_, reference in references.items():
        if not reference:
            continue
        pair = pairs[id_]
        votes = metric_votes(pair.response_1, pair.response_2, [reference], VOTING)
        said = {
            **votes,
            "majority": majority_of_metrics(votes),
            "longer_wins": longer_wins(pair.response_1, pair.response_2),
        }
        for name, winner in said.items():
            credits[pair.group][name].append(0.5 if winner == "tie" else float(winner == pair.gold))
    ours = {
        group: {**{name: round(sum(x) / len(x), EXPECTED_DIGITS) for name, x in by.items()}, "n": len(by["majority"])}
        for group, by in credits.items()
    }
    return {"reference_metrics_equal": ours == json.loads(expected.read_text())["accuracy"], "reference_metrics": ours}


def annotators(path: Path) -> dict[str, object]:
    """How far people agree with one another; and each of them as a judge against their majority."""
    pairs = pandalm.read_pairs(path)
    gold = gold_of(pair for pair in pairs if pair.gold is not None)
    decided = [pair for pair in pairs if pair.id in gold]
    as_judges = [
        calibrate([PairVerdict(pair.id, pair.annotations[i], pair.annotations[i]) for pair in decided], gold)
        for i in range(len(pairs[0].annotations))
    ]
    return {
        "file": path.name,
        **asdict(annotator_agreement(pairs)),
        "majority": dict(Counter(gold.values())),
        "accuracy_against_majority": [round(judge.accuracy.mean.value, EXPECTED_DIGITS) for judge in as_judges],
        "kappa_against_majority": [round(judge.agreement.kappa.value, EXPECTED_DIGITS) for judge in as_judges],
    }


if __name__ == "__main__":
    main()
