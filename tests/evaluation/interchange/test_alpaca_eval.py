from __future__ import annotations

import csv
from pathlib import Path

import pytest

from dikast.errors import DataError
from dikast.evaluation.interchange import alpaca_eval
from dikast.evaluation.items import Pair
from dikast.files import write_json
from dikast.verdicts import Winner


def test_alpaca_eval(tmp_path: Path) -> None:
    def output(text: str, name: str) -> dict[str, str]:
        return {"dataset": "d", "instruction": text, "output": f"{name} says {text}", "generator": name}

    def outputs(name: str, *texts: str) -> list[alpaca_eval.Output]:
        write_json(tmp_path / f"{name}.json", [output(text, name) for text in texts])
        return alpaca_eval.read_outputs(tmp_path / f"{name}.json")

    base, mine = outputs("base", "q1", "q2", "q3"), outputs("mine", "q3", "q1")
    pairs = alpaca_eval.pairs_of(base, mine)
    assert pairs[0] == Pair("0", "q3", "base says q3", "mine says q3", group="d")
    with pytest.raises(DataError, match="no output for 'q2'"):
        alpaca_eval.pairs_of(mine, base)
    with pytest.raises(DataError, match="answers an instruction twice"):
        alpaca_eval.pairs_of(base + base, mine)
    write_json(tmp_path / "a.json", alpaca_eval.annotation_rows(pairs, {"0": "2"}, "base", "mine", annotator="j"))
    read = alpaca_eval.read_annotations(tmp_path / "a.json")
    assert [(row.instruction, row.preference, row.winner) for row in read] == [("q3", 2.0, "2"), ("q1", None, None)]


@pytest.mark.parametrize(
    ("preference", "winner"),
    [("1", "1"), ("1.2", "1"), ("1.5", "tie"), ("0", "tie"), ("1.9", "2"), ("2", "2"), ("null", None), ("NaN", None)],
)
def test_alpaca_eval_preferences(tmp_path: Path, preference: str, winner: Winner | None) -> None:
    row = f'[{{"instruction": "q", "generator_1": "b", "generator_2": "m", "preference": {preference}}}]'
    (tmp_path / "a.json").write_text(row)
    assert alpaca_eval.read_annotations(tmp_path / "a.json")[0].winner == winner


def test_alpaca_eval_preferences_off_the_scale(tmp_path: Path) -> None:
    row = {"instruction": "q", "generator_1": "b", "generator_2": "m", "preference": 3}
    write_json(tmp_path / "a.json", [row])
    with pytest.raises(DataError, match=r"a.json: row 1: field 'preference': not within 1..2: 3"):
        alpaca_eval.read_annotations(tmp_path / "a.json")


def test_alpaca_eval_leaderboard_counts_what_was_asked() -> None:
    text = alpaca_eval.leaderboard(
        {"weak": {"a": "1", "b": None}, "strong, or so": {"a": "2", "b": "2", "c": "tie", "d": None}},
        [Pair("a", "q", "x", "four")],
    )
    rows = list(csv.DictReader(text.splitlines()))
    assert [row[""] for row in rows] == ["strong, or so", "weak"]
    assert (float(rows[0]["win_rate"]), float(rows[1]["win_rate"])) == (75, 25)
    counts = ["n_wins", "n_wins_base", "n_draws", "n_unparsed", "n_total", "avg_length"]
    assert [rows[0][name] for name in counts] == ["2", "0", "1", "1", "4", "4"]
    # The standard error of 1, 1, .5, .5 is sqrt(1/12) / 2.
    assert float(rows[0]["standard_error"]) == pytest.approx(100 * (1 / 12) ** 0.5 / 2)
    with pytest.raises(DataError, match="no verdict on 'm'"):
        alpaca_eval.leaderboard({"m": {}})
