"""BLEU, chrF and ROUGE on labelled summaries against recorded values, and their correlations with people.

    python benchmarks/judge_metrics.py --data ../shared/data/evals --json

`--data` is a folder with `summeval/`; whatever summaries, metrics and dimensions it holds are compared.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from machine import facts

from dikast.evaluation.agreement import grouped, kendall_tau_b, spearman
from dikast.evaluation.interchange.summeval import read_summaries
from dikast.evaluation.items import ScoredText
from dikast.evaluation.metrics.lexical import Metric, bleu, chrf, rouge
from dikast.files import write_jsonl
from dikast.rows import read_rows

MAIN_REFERENCE_ONLY: dict[str, Metric] = {
    "sacrebleu_sentence_bleu": bleu,
    "sacrebleu_chrf": chrf,
    "rouge1": partial(rouge, kind="rouge1"),
    "rouge2": partial(rouge, kind="rouge2"),
    "rougeL": partial(rouge, kind="rougeL"),
}
ALL_REFERENCES: dict[str, Metric] = {"sacrebleu_bleu_multi": bleu}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with summeval/")
    parser.add_argument("--rows", type=Path, help="write every score here")
    parser.add_argument("--full", action="store_true", help="accepted for uniformity")
    parser.add_argument("--json", action="store_true", help="only the last line on stdout (it always is one object)")
    args = parser.parse_args()
    folder: Path = args.data / "summeval"
    texts = read_summaries(folder / "system_summaries_human.jsonl", folder / "references.jsonl")
    started = time.perf_counter()
    scores = [score(text) for text in texts]
    seconds = time.perf_counter() - started
    print(f"{len(texts)} texts scored in {seconds:.1f} s", file=sys.stderr)
    if args.rows:
        write_jsonl(args.rows, [{"id": text.id, **row} for text, row in zip(texts, scores, strict=True)])
    found = {
        **metric_differences(folder / "expected_metrics.jsonl", texts, scores),
        "correlations_max_diff": correlation_difference(folder / "expected_correlations.json", texts, scores),
    }
    print(json.dumps({**found, "texts": len(texts), "seconds": round(seconds, 2), **facts("sacrebleu", "rouge-score")}))


def score(text: ScoredText) -> dict[str, float]:
    main_reference = {name: metric(text.text, text.references[:1]) for name, metric in MAIN_REFERENCE_ONLY.items()}
    return main_reference | {name: metric(text.text, text.references) for name, metric in ALL_REFERENCES.items()}


def metric_differences(
    expected: Path, texts: Sequence[ScoredText], scores: Sequence[dict[str, float]]
) -> dict[str, float]:
    ours = {text.id: row for text, row in zip(texts, scores, strict=True)}
    worst = {"bleu_max_diff": 0.0, "chrf_max_diff": 0.0, "rouge_max_diff": 0.0}
    compared = 0
    for record in read_rows(expected):
        row = ours[f"{record.text('doc_id')}/{record.text('system')}"]
        compared += 1
        for name, value in row.items():
            family = next(family for family in worst if family.split("_")[0] in name)
            worst[family] = max(worst[family], abs(record.number(name) - value))
    return {**worst, "compared": compared}


def correlation_difference(expected: Path, texts: Sequence[ScoredText], scores: Sequence[dict[str, float]]) -> float:
    """Largest difference over all metrics, dimensions and kinds; NaN differs infinitely."""
    worst = 0.0
    for metric, dimensions in json.loads(expected.read_text())["corr"].items():
        for dimension, figures in dimensions.items():
            ours = correlations([row[metric] for row in scores], [text.scores[dimension] for text in texts], texts)
            for name, value in figures.items():
                difference = abs(ours[name] - value)
                worst = max(worst, math.inf if math.isnan(difference) else difference)
    return worst


def correlations(metric: Sequence[float], human: Sequence[float], texts: Sequence[ScoredText]) -> dict[str, float]:
    documents = [text.group for text in texts]
    by_document = grouped(kendall_tau_b, documents, metric, human)
    return {
        "kendall_b_pooled": kendall_tau_b(metric, human),
        "spearman_pooled": spearman(metric, human),
        "kendall_b_mean_per_doc": by_document.mean,
        "spearman_mean_per_doc": grouped(spearman, documents, metric, human).mean,
        "docs_used": by_document.used,
    }


if __name__ == "__main__":
    main()
