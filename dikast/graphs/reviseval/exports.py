"""A judged run as the files of other tools: MT-Bench's judgments, AlpacaEval's annotations and leaderboard.

    export(run, "mt-bench", Path("out"), judge="my-judge", models=("a", "b"))

Who wrote the responses is read from the rows' `model_1` and `model_2`, where `dikast judge import` leaves it, or given.
Every row asked is written: one without a verdict in the form that the tool has for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from dikast.disk import make_folder
from dikast.errors import UsageError
from dikast.evaluation.interchange import alpaca_eval, mt_bench
from dikast.evaluation.items import Pair
from dikast.files import write_json, write_jsonl, write_text
from dikast.graphs.reviseval.results import JudgedRun, id_of, scores_of, verdicts_of, winners_of
from dikast.verdicts import PairVerdict, Winner

Tool = Literal["mt-bench", "alpaca-eval"]
Models = tuple[str, str]
PROMPT = "dikast"
"""Stands where MT-Bench's files have the name of the judge's prompt; the run's manifest has its hash."""


def export(run: JudgedRun, tool: Tool, folder: Path, *, judge: str, models: Sequence[str] = ()) -> list[Path]:
    """Write a tool's files, replacing older ones.

    Args:
        run: The run.
        tool: Whose files.
        folder: Where they go; made if it is not there.
        judge: What the judge is called in them.
        models: Who wrote the responses, where the rows do not say so: two names for pairs, one for single responses.

    Returns:
        The files.

    Raises:
        UsageError: Nobody says who wrote the responses, or the tool has no place for scores of single responses.
        DataError: A file cannot be written.
    """
    make_folder(folder)
    if tool == "mt-bench":
        return [_mt_bench(run, folder, judge, models)]
    if run.single:
        raise UsageError("AlpacaEval's files hold pairs, this run scored single responses", hint="--as mt-bench")
    return _alpaca_eval(run, folder, judge, models)


def _mt_bench(run: JudgedRun, folder: Path, judge: str, models: Sequence[str]) -> Path:
    signed = (judge, PROMPT)
    if run.single:
        scores = scores_of(run)
        writers = {id_of(row): _writers(run, row, models, ("model",))[0] for row in run.rows}
        path = folder / f"{judge}_single.jsonl"
        write_jsonl(path, mt_bench.score_rows([(id_, writers[id_], scores[id_]) for id_ in scores], judge=signed))
        return path
    verdicts = {verdict.id: verdict for verdict in verdicts_of(run)}
    rows = [
        line
        for (one, two), mine in _by_models(run, models).items()
        for row in mine
        for line in mt_bench.judgment_rows([_question(row, verdicts)], one, two, judge=signed, turn=_turn(row))
    ]
    path = folder / f"{judge}_pair.jsonl"
    write_jsonl(path, rows)
    return path


def _question(row: Mapping[str, Any], verdicts: Mapping[str, PairVerdict]) -> PairVerdict:
    """A row's verdict under MT-Bench's own id, which a later turn's row does not have as its own."""
    id_ = id_of(row)
    return replace(verdicts[id_], id=str(row["input"].get("question_id", id_)))


def _turn(row: Mapping[str, Any]) -> int:
    turn = row["input"].get("turn", 1)
    return turn if isinstance(turn, int) else 1


def _alpaca_eval(run: JudgedRun, folder: Path, judge: str, models: Sequence[str]) -> list[Path]:
    winners = winners_of(run)
    grouped = {names: [_pair(row) for row in rows] for names, rows in _by_models(run, models).items()}
    annotations = [
        line
        for (baseline, model), pairs in grouped.items()
        for line in alpaca_eval.annotation_rows(pairs, winners, baseline, model, annotator=judge)
    ]
    board: dict[str, Mapping[str, Winner | None]] = {}
    for (baseline, model), pairs in grouped.items():
        name = model if model not in board else f"{model} against {baseline}"
        board[name] = {pair.id: winners[pair.id] for pair in pairs}
    paths = [folder / "annotations.json", folder / "leaderboard.csv"]
    write_json(paths[0], annotations)
    write_text(paths[1], alpaca_eval.leaderboard(board, next(iter(grouped.values())) if len(grouped) == 1 else ()))
    return paths


def _by_models(run: JudgedRun, models: Sequence[str]) -> dict[Models, list[Mapping[str, Any]]]:
    """The rows by who wrote their responses."""
    found: defaultdict[Models, list[Mapping[str, Any]]] = defaultdict(list)
    for row in run.rows:
        one, two = _writers(run, row, models, ("model_1", "model_2"))
        found[one, two].append(row)
    return dict(found)


def _writers(run: JudgedRun, row: Mapping[str, Any], models: Sequence[str], fields: Sequence[str]) -> list[str]:
    if models and len(models) != len(fields):
        raise UsageError(f"{len(models)} models named", hint=f"name {len(fields)}, comma-separated")
    named = list(models) or [str(row["input"].get(field) or "") for field in fields]
    if not all(named):
        hint = f"--models {','.join(field.upper() for field in fields)}"
        raise UsageError(f"{run.name}: row {row['row']} does not say who wrote its responses", hint=hint)
    return named


def _pair(row: Mapping[str, Any]) -> Pair:
    given = row["input"]
    return Pair(id_of(row), given["instruction"], given["response_1"], given["response_2"])
