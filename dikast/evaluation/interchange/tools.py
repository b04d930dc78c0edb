"""Other tools' files as rows for `dikast judge run`: one name a tool, whatever number of files it takes.

    rows = rows_of("mt-bench", [Path("question.jsonl"), Path("a.jsonl"), Path("b.jsonl")])

A row has the columns of `columns.read_pairs`, or `instruction`, `response` and `gold` where a tool has single texts.
Who wrote the responses stays with it as `model_1` and `model_2`. What is in a tool's files and in no row is told by id:
`left_out("mt-bench", files)`.

MT-Bench's later turns are rows only where they are asked for: `rows_of("mt-bench", files, turns=2)`.

Not covered: SummEval's articles, which its files do not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
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
        turns: How they are read up to a later turn; `None` where there are no turns.
    """

    files: tuple[str, ...]
    needed: int
    read: Callable[[Sequence[Path]], list[Row]]
    left_out: Callable[[Sequence[Path]], dict[str, str]] = lambda files: {}
    turns: Callable[[int], Tool] | None = None


def rows_of(tool: str, files: Sequence[Path], turns: int = 1) -> list[Row]:
    """The rows in a tool's files.

    Args:
        tool: One of `TOOLS`.
        files: As many as the tool takes, in the order of `Tool.files`.
        turns: How many turns of each conversation are rows, each by itself.

    Raises:
        UsageError: No such tool, not as many files as it takes, or turns of a tool that has none.
        DataError: A file cannot be read, or holds nothing to judge; says file, line and field.
    """
    if tool not in TOOLS:
        raise UsageError(f"no tool is called {tool!r}", hint=f"known: {', '.join(TOOLS)}")
    known = _known(tool, turns)
    hint = f"{tool} takes, in this order: {', '.join(known.files)}"
    if not known.needed <= len(files) <= len(known.files):
        raise UsageError(f"{len(files)} files given", hint=hint)
    rows = known.read(files)
    if not rows:
        raise DataError("nothing to judge", path=files[-1], hint=hint)
    return rows


def left_out(tool: str, files: Sequence[Path], turns: int = 1) -> dict[str, str]:
    """Ids in a tool's files that are in none of its rows -> why; arguments and errors as `rows_of`."""
    return _known(tool, turns).left_out(files)


def _known(tool: str, turns: int) -> Tool:
    known = TOOLS[tool]
    if turns == 1:
        return known
    if known.turns is None or turns < 1:
        raise UsageError(f"{tool} with {turns} turns", hint="mt-bench alone has later turns; they count from 1")
    return known.turns(turns)


def _named(pairs: Iterable[Pair], model_1: str, model_2: str) -> list[Row]:
    names: Row = {"model_1": model_1, "model_2": model_2}
    return [{**row, **names} for row in pairs_as_rows(pairs)]


def _llmbar(files: Sequence[Path]) -> list[Row]:
    return pairs_as_rows(llmbar.read_pairs(files[0]))


def _pandalm(files: Sequence[Path]) -> list[Row]:
    pairs = pandalm.read_pairs(files[0])
    people = [{f"annotator_{n}": said for n, said in enumerate(pair.annotations, start=1)} for pair in pairs]
    return [{**row, **labels} for row, labels in zip(pairs_as_rows(pairs), people, strict=True)]


def _mt_bench(files: Sequence[Path], turns: int = 1) -> list[Row]:
    """FastChat names a file of answers after its model."""
    questions, first, second, *given = files
    references = mt_bench.read_answers(given[0]) if given else None
    asked, answers = mt_bench.read_questions(questions), (mt_bench.read_answers(first), mt_bench.read_answers(second))
    return [
        {**row, "question_id": pair.id.removesuffix(f" turn {turn}"), "turn": turn}
        for turn in range(1, turns + 1)
        for pairs in [mt_bench.pairs_of(asked, *answers, references, turn=turn)]
        for row, pair in zip(_named(pairs, first.stem, second.stem), pairs, strict=True)
    ]


def _mt_bench_left_out(files: Sequence[Path], turns: int = 1) -> dict[str, str]:
    questions, first, second, *_ = files
    answers = mt_bench.read_answers(first), mt_bench.read_answers(second)
    return mt_bench.left_out(mt_bench.read_questions(questions), *answers, turns=turns)


def _mt_bench_turns(turns: int) -> Tool:
    return replace(
        TOOLS["mt-bench"], read=partial(_mt_bench, turns=turns), left_out=partial(_mt_bench_left_out, turns=turns)
    )


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
        ("questions", "answers of model 1", "answers of model 2", "reference answers"),
        3,
        _mt_bench,
        _mt_bench_left_out,
        _mt_bench_turns,
    ),
    "alpaca-eval": Tool(("outputs of the baseline", "outputs of the model"), 2, _alpaca_eval, _alpaca_eval_left_out),
    "summeval": Tool(("summaries", "references"), 1, _summeval),
}
"""Name -> how its files are read."""
