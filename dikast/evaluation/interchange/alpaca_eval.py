"""AlpacaEval files (Li et al., 2023; github.com/tatsu-lab/alpaca_eval): outputs, annotations, leaderboard.

    pairs = pairs_of(read_outputs("baseline.json"), read_outputs("model.json"))
    write_json("annotations.json", annotation_rows(pairs, finals, "baseline", "model", annotator="my-judge"))
    write_text("leaderboard.csv", leaderboard({"model": finals}))

AlpacaEval drops annotations without a preference from the mean and from `n_total`; here `n_total` is what was asked,
an unparsed verdict counts as half a win as a draw does, and its number stands in a column of its own.

Not here: length-controlled win rates, which `dikast.evaluation.length_control` has.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from dikast.errors import DataError
from dikast.evaluation.items import Pair
from dikast.row import Row
from dikast.rows import read_rows
from dikast.verdicts import Winner

PREFERENCE: Mapping[Winner, float] = {"1": 1.0, "tie": 1.5, "2": 2.0}
WINS: Mapping[Winner | None, float] = {"1": 0.0, "tie": 0.5, None: 0.5, "2": 1.0}
LEADERBOARD = (
    "", "win_rate", "standard_error", "n_wins", "n_wins_base", "n_draws", "n_total", "n_unparsed", "mode", "avg_length"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Output:
    """One model's answer to one instruction."""

    instruction: str
    output: str
    generator: str
    dataset: str = ""


@dataclass(frozen=True, slots=True)
class Annotation:
    """One preference; `winner` is `None` where the annotator's reply could not be read."""

    instruction: str
    generator_1: str
    generator_2: str
    annotator: str
    preference: float | None
    winner: Winner | None


def read_outputs(path: str | Path) -> list[Output]:
    """A model's outputs.

    Raises:
        DataError: A field is missing; says file, line and field.
    """
    return [
        Output(
            record.text("instruction"),
            record.text("output"),
            record.text("generator", default=""),
            record.text("dataset", default=""),
        )
        for record in read_rows(path)
    ]


def pairs_of(baseline: Sequence[Output], model: Sequence[Output]) -> list[Pair]:
    """Response 1 = the baseline's, response 2 = the model's, matched by instruction, in the model's order.

    Raises:
        DataError: The baseline has no output for an instruction, or two; a row is never dropped silently.
    """
    known: dict[str, Output] = {}
    for output in baseline:
        if output.instruction in known:
            raise DataError(f"the baseline answers an instruction twice: {output.instruction!r:.60}")
        known[output.instruction] = output
    missing = next((output for output in model if output.instruction not in known), None)
    if missing is not None:
        raise DataError(f"the baseline has no output for {missing.instruction!r:.60}")
    return [
        Pair(str(number), mine.instruction, known[mine.instruction].output, mine.output, group=mine.dataset)
        for number, mine in enumerate(model)
    ]


def left_out(baseline: Sequence[Output], model: Sequence[Output]) -> dict[str, str]:
    """Outputs that are in no pair of `pairs_of` -> why: the baseline's on what the model was not asked."""
    asked = {output.instruction for output in model}
    return {
        f"row {number} ({output.instruction!r:.40})": "of the baseline, not answered by the model"
        for number, output in enumerate(baseline, start=1)
        if output.instruction not in asked
    }


def read_annotations(path: str | Path) -> list[Annotation]:
    """Annotations; a preference is 1 for the first output .. 2 for the second, in between for a weighted annotator.

    Raises:
        DataError: A field is missing or a preference lies outside 1..2; says file, line and field.
    """
    return [_annotation(record) for record in read_rows(path)]


def annotation_rows(
    pairs: Iterable[Pair], finals: Mapping[str, Winner | None], generator_1: str, generator_2: str, *, annotator: str
) -> list[dict[str, object]]:
    """Rows of an annotations.json; an unparsed or missing verdict is a null preference, not a missing row."""
    return [
        {
            "instruction": pair.instruction,
            "output_1": pair.response_1,
            "generator_1": generator_1,
            "output_2": pair.response_2,
            "generator_2": generator_2,
            "annotator": annotator,
            "preference": None if (winner := finals.get(pair.id)) is None else PREFERENCE[winner],
        }
        for pair in pairs
    ]


def leaderboard(finals: Mapping[str, Mapping[str, Winner | None]], pairs: Iterable[Pair] = ()) -> str:
    """The text of a leaderboard.csv, best model first.

    Args:
        finals: Model -> pair id -> final verdict, where "2" is a win over the baseline.
        pairs: For the mean length of the outputs, where all models answered the same file; may be left out.

    Raises:
        DataError: A model has no verdict at all.
    """
    lengths = [len(pair.response_2) for pair in pairs]
    rows = [_leaderboard_row(model, list(verdicts.values()), lengths) for model, verdicts in finals.items()]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(LEADERBOARD)
    writer.writerows(row for _, row in sorted(rows, key=lambda row: -row[0]))
    return text.getvalue()


def _leaderboard_row(
    model: str, verdicts: Sequence[Winner | None], lengths: Sequence[int]
) -> tuple[float, list[object]]:
    """The win rate, to sort by, and the row."""
    if not verdicts:
        raise DataError(f"no verdict on {model!r}")
    wins = [WINS[verdict] for verdict in verdicts]
    error = stdev(wins) / math.sqrt(len(wins)) if len(wins) > 1 else 0.0
    counts = [verdicts.count("2"), verdicts.count("1"), verdicts.count("tie"), len(verdicts), verdicts.count(None)]
    length = round(fmean(lengths)) if lengths else ""
    rate = 100 * fmean(wins)
    return rate, [model, rate, 100 * error, *counts, "community", length]


def _annotation(record: Row) -> Annotation:
    value = record.values.get("preference")
    absent = value is None or (isinstance(value, float) and math.isnan(value))
    # Old files write 0 for a draw.
    preference = None if absent else record.number("preference") or PREFERENCE["tie"]
    if preference is not None and not PREFERENCE["1"] <= preference <= PREFERENCE["2"]:
        raise record.error("preference", f"not within 1..2: {preference}")
    return Annotation(
        record.text("instruction"),
        record.text("generator_1"),
        record.text("generator_2"),
        record.text("annotator", default=""),
        preference,
        _nearest(preference),
    )


def _nearest(preference: float | None) -> Winner | None:
    if preference is None or preference == PREFERENCE["tie"]:
        return None if preference is None else "tie"
    return "1" if preference < PREFERENCE["tie"] else "2"
