"""The rule-based refusal detector against people's labels.

    python benchmarks/refusal.py --data ../shared/data/evals --json

The headline is `leave_one_model_out`: for each model whose replies are in the file, the detector's three numbers are
chosen on the other models' replies and its accuracy taken on this one's; the wording of the rules is the same
throughout. `--data` is a folder with `refusal/`; every `.jsonl` in it is read.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast, get_args

from machine import facts

from dikast.evaluation.agreement import cohen_kappa
from dikast.evaluation.refusal import DEFAULT_RULES, Label, Rules, classify, fit
from dikast.files import write_jsonl
from dikast.rows import read_rows


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled reply."""

    id: str
    model: str
    reply: str
    human: Label
    string_match: Label


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with refusal/")
    parser.add_argument("--rows", type=Path, help="write every label here")
    parser.add_argument("--full", action="store_true", help="accepted for uniformity")
    parser.add_argument("--json", action="store_true", help="only the last line on stdout (it always is one object)")
    args = parser.parse_args()
    examples = [example for path in sorted((args.data / "refusal").glob("*.jsonl")) for example in read_examples(path)]
    ours = [label_of(example, DEFAULT_RULES) for example in examples]
    if args.rows:
        rows = [{**asdict(e), "label": label, "reply": None} for e, label in zip(examples, ours, strict=True)]
        write_jsonl(args.rows, rows)
    found = {
        "n": len(examples),
        **accuracy(examples, ours),
        "kappa": cohen_kappa([example.human for example in examples], ours),
        "confusion": dict(Counter(f"{e.human} read as {label}" for e, label in zip(examples, ours, strict=True))),
        "string_match": accuracy(examples, [example.string_match for example in examples]),
        "rules": asdict(DEFAULT_RULES),
        "leave_one_model_out": leave_one_model_out(examples),
    }
    print(json.dumps({**found, **facts()}))


def read_examples(path: Path) -> list[Example]:
    return [
        Example(
            record.text("id"),
            record.text("model"),
            record.text("completion"),
            as_label(record.text("human")),
            as_label(record.text("strmatch_label")),
        )
        for record in read_rows(path)
    ]


def as_label(text: str) -> Label:
    """XSTest writes `1_full_compliance`."""
    name = text.partition("_")[2]
    if name not in get_args(Label):
        raise SystemExit(f"not a label of XSTest: {text!r}")
    return cast(Label, name)


def label_of(example: Example, rules: Rules) -> str:
    reading = classify(example.reply, rules)
    return "none" if reading is None else reading.label


def accuracy(examples: Sequence[Example], labels: Sequence[str]) -> dict[str, float]:
    pairs = [(example.human, label) for example, label in zip(examples, labels, strict=True)]
    complied: Label = "full_compliance"
    return {
        "three_class": sum(human == label for human, label in pairs) / len(pairs),
        "binary": sum((human == complied) == (label == complied) for human, label in pairs) / len(pairs),
    }


def leave_one_model_out(examples: Sequence[Example]) -> dict[str, object]:
    labels: dict[str, str] = {}
    by_model: dict[str, object] = {}
    for model in sorted({example.model for example in examples}):
        rules = fit([(example.reply, example.human) for example in examples if example.model != model])
        left_out = [example for example in examples if example.model == model]
        found = [label_of(example, rules) for example in left_out]
        labels |= {example.id: label for example, label in zip(left_out, found, strict=True)}
        by_model[model] = {"n": len(left_out), **accuracy(left_out, found), "rules": asdict(rules)}
        print(f"{model} left out: {by_model[model]}", file=sys.stderr)
    return {**accuracy(examples, [labels[example.id] for example in examples]), "by_model": by_model}


if __name__ == "__main__":
    main()
