"""Other tools' files as rows for `dikast judge run`: one name a tool, whatever number of files it takes.

    rows = rows_of("mt-bench", [Path("question.jsonl"), Path("a.jsonl"), Path("b.jsonl")])

A row has the columns of `columns.read_pairs`, or `instruction`, `response` and `gold` where a tool has single texts.
Who wrote the responses stays with it as `model_1` and `model_2`. What is in a tool's files and in no row is told by id:
`left_out("mt-bench", files)`.

Not covered: MT-Bench's second turns, and SummEval's articles, which its files do not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dikast.errors import DataError, UsageError
from dikast.evaluation.interchange import alpaca_eval, llmbar, mt_bench, pandalm, summeval
from dikast.evaluation.interchange.columns import pairs_as_rows
from dikast.evaluation.items import Pair

Row = dict[str, object]
SUMMARISE = "Summarise the article."
"""SummEval's files hold no article, so a judge sees the summary alone."""


@dataclass(frozen=True, slots=True)
class Tool:
    """How one tool's files are read.

    Args:
        files: What they are, in their order.
        needed: How many of them must be there.
        read: The files to rows.
        left_out: The files to what of them is in no row -> why; where every record is a row, nothing.
    """

    files: tuple[str, ...]
    needed: int
    read: Callable[[Sequence[Path]], list[Row]]
    left_out: Callable[[Sequence[Path]], dict[str, str]] = lambda files: {}


def rows_of(tool: str, files: Sequence[Path]) -> list[Row]:
    """The rows in a tool's files.

    Args:
        tool: One of `TOOLS`.
        files: As many as the tool takes, in the order of `Tool.files`.

    Raises:
        UsageError: No such tool, or not as many files as it takes.
        DataError: A file cannot be read, or holds nothing to judge; says file, line and field.
    """
    if tool not in TOOLS:
        raise UsageError(f"no tool is called {tool!r}", hint=f"known: {', '.join(TOOLS)}")
    known = TOOLS[tool]
    hint = f"{tool} takes, in this order: {', '.join(known.files)}"
    if not known.needed <= len(files) <= len(known.files):
        raise UsageError(f"{len(files)} files given", hint=hint)
    rows = known.read(files)
    if not rows:
        raise DataError("nothing to judge", path=files[-1], hint=hint)
    return rows


def left_out(tool: str, files: Sequence[Path]) -> dict[str, str]:
    """Ids in a tool's files that are in none of its rows -> why; arguments and errors as `rows_of`."""
    return TOOLS[tool].left_out(files)


def _named(pairs: Iterable[Pair], model_1: str, model_2: str) -> list[Row]:
    names: Row = {"model_1": model_1, "model_2": model_2}
    return [{**row, **names} for row in pairs_as_rows(pairs)]


def _llmbar(files: Sequence[Path]) -> list[Row]:
    return pairs_as_rows(llmbar.read_pairs(files[0]))


def _pandalm(files: Sequence[Path]) -> list[Row]:
    pairs = pandalm.read_pairs(files[0])
    people = [{f"annotator_{n}": said for n, said in enumerate(pair.annotations, start=1)} for pair in pairs]
    return [{**row, **labels} for row, labels in zip(pairs_as_rows(pairs), people, strict=True)]


def _mt_bench(files: Sequence[Path]) -> list[Row]:
    """FastChat names a file of answers after its model."""
    questions, first, second, *given = files
    references = mt_bench.read_answers(given[0]) if given else None
    answers = mt_bench.read_answers(first), mt_bench.read_answers(second)
    return _named(mt_bench.pairs_of(mt_bench.read_questions(questions), *answers, references), first.stem, second.stem)


def _mt_bench_left_out(files: Sequence[Path]) -> dict[str, str]:
    questions, first, second, *_ = files
    answers = mt_bench.read_answers(first), mt_bench.read_answers(second)
    return mt_bench.left_out(mt_bench.read_questions(questions), *answers)


def _alpaca_eval_left_out(files: Sequence[Path]) -> dict[str, str]:
    baseline, model = (alpaca_eval.read_outputs(path) for path in files)
    return alpaca_eval.left_out(baseline, model)


def _alpaca_eval(files: Sequence[Path]) -> list[Row]:
    baseline, model = (alpaca_eval.read_outputs(path) for path in files)
    names = [outputs[0].generator if outputs else "" for outputs in (baseline, model)]
    return _named(alpaca_eval.pairs_of(baseline, model), names[0] or files[0].stem, names[1] or files[1].stem)


def _summeval(files: Sequence[Path]) -> list[Row]:
    """Every dimension is a column of its own; `gold` is their mean."""
    return [
        {
            "id": text.id,
            "instruction": SUMMARISE,
            "response": text.text,
            "gold": sum(text.scores.values()) / len(text.scores),
            "reference": text.references[0] if text.references else "",
            "group": text.group,
            "system": text.system,
            **text.scores,
        }
        for text in summeval.read_summaries(*files)
    ]


TOOLS: Mapping[str, Tool] = {
    "llmbar": Tool(("pairs",), 1, _llmbar),
    "pandalm": Tool(("pairs",), 1, _pandalm),
    "mt-bench": Tool(
        ("questions", "answers of model 1", "answers of model 2", "reference answers"), 3, _mt_bench, _mt_bench_left_out
    ),
    "alpaca-eval": Tool(("outputs of the baseline", "outputs of the model"), 2, _alpaca_eval, _alpaca_eval_left_out),
    "summeval": Tool(("summaries", "references"), 1, _summeval),
}
"""Name -> how its files are read."""
