"""What a run amounts to, what is told of a row, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dikast.errors import ModelTimeout
from dikast.evaluation.diversity import unrepeated
from dikast.graphs.rewarding import Rewarded
from dikast.graphs.transfer_q.report import report
from dikast.graphs.transfer_q.story import story
from dikast.graphs.transfer_q.training import FAILED, NO_PAIR, UNREWARDED, about, rows
from dikast.jobs import Run
from dikast.jobs.exports import LeftOut
from dikast.jobs.manifest import Attempt, Manifest
from dikast.pages import markdown
from dikast.records import Outcome
from dikast.training.rows import Kind, problem_of
from tests.graphs.transfer_q.letters import Counts, Letters, context, record


class Listed(Run):
    """A run whose journal is a list."""

    def rows(self, outcomes: Any = ()) -> Any:
        """The lines."""
        del outcomes
        return iter(vars(self)["listed"])


def run_of(tmp_path: Path, lines: list[dict[str, Any]]) -> Listed:
    attempt = Attempt(started="2026-01-01T00:00:00+00:00", asked=len(lines))
    made = Listed(tmp_path, Manifest(graph="transfer_q", samples=1, fingerprint={}, attempts=[attempt]))
    object.__setattr__(made, "listed", lines)
    return made


class Vectors:
    """An encoder: how many p, how many q."""

    spec = "python:vectors"

    def fingerprint(self) -> dict[str, object]:
        return {}

    async def encode(self, texts: Any, role: Any) -> Any:
        return np.array([[text.count("p") + 1, text.count("q")] for text in texts], np.float32)


def busy(text: str) -> dict[str, float]:
    return {"p": 0.6, "q": 0.4}


async def lines() -> list[dict[str, Any]]:
    writers: dict[str, Any] = {"solver": Letters(busy), "baseline": Letters(busy, spec="b")}
    found = [await record(context(**writers, weight=2.0), {"prompt": f"Prompt {at}"}, f"k{at}") for at in range(3)]
    found.append(await record(context(**writers, encoder=Vectors()), {"prompt": "ppp"}, "coherent"))
    mute = Counts(value=lambda text: Rewarded(None, Outcome.UNPARSED, "no"))
    found.append(await record(context(**writers, reward=mute), {"prompt": "x"}))
    found.append(await record(context(solver=Letters(fails=ModelTimeout("late"))), {"prompt": "y"}))
    other = Counts("q", spec="python:other")
    weighed = context(**writers, transfer="indirect", baseline_reward=other, beta=0.01, rollouts=6)
    found.append(await record(weighed, {"prompt": "z"}))
    return found


async def test_the_figures(tmp_path: Path) -> None:
    made = await lines()
    found = report(run_of(tmp_path, made), context())
    data, outputs = found.data, [line["output"] for line in made]
    assert (data["rows"], data["failed"], data["rewarded"], data["asked"]) == (7, 1, 5, 7)
    rewarded = [one for one in outputs if one["reward"] is not None]
    assert data["reward"] == pytest.approx(np.mean([one["reward"] for one in rewarded]))
    spoken = [one for one in outputs if one["text"]]
    assert data["kl"] == pytest.approx(np.mean([one["kl"] for one in spoken]))
    assert data["fluency"] == pytest.approx(np.mean([one["logprob"] / len(one["tokens"]) for one in spoken]))
    assert data["rollout_tokens"] == sum(one["spent"]["rollout_tokens"] for one in outputs)
    assert data["tempered"] > 0
    assert data["unguided"] == len(outputs[4]["steps"])
    coherent = outputs[3]["coherence"]
    assert data["coherence"] == pytest.approx(coherent)
    vector = np.array([outputs[3]["text"].count("p") + 1, outputs[3]["text"].count("q")])
    assert coherent == pytest.approx(vector[0] / np.linalg.norm(vector), abs=1e-6)
    assert data["ended"]["timeout"] == 1
    assert any("was tempered" in note for note in found.notes)
    assert "tokens of completions" in markdown(found.page)


def test_repetition_is_told() -> None:
    assert unrepeated("a b c d e f") == 1
    assert unrepeated("a b a b") == pytest.approx(2 / 3)
    assert unrepeated("a a a a a") == pytest.approx(1 / 4 * 1 / 3 * 1 / 2)
    assert unrepeated("") == 1


async def test_a_row_is_told_choice_by_choice() -> None:
    made = await lines()
    told = markdown(story(made[0]))
    assert "choice 1, behind 0 tokens" in told
    assert told.count("taken") == len(made[0]["output"]["steps"])
    assert "the solver decided" in markdown(story(made[4]))
    assert "timeout" in markdown(story(made[5]))
    assert "tempered" in markdown(story(made[6]))


@pytest.mark.parametrize("kind", ["sft", "preference", "value"])
async def test_rows_are_what_trainers_read(tmp_path: Path, kind: Kind) -> None:
    made = await lines()
    found = list(rows(kind, run_of(tmp_path, made), context()))
    kept = [one for one in found if not isinstance(one, LeftOut)]
    assert {UNREWARDED, FAILED} <= {one for one in found if isinstance(one, LeftOut)}
    assert kept
    for _, row in kept:
        assert problem_of(row, kind) is None
        if kind == "preference":
            assert row["reward_chosen"] > row["reward_rejected"]
    assert "Transfer Q*" in about(kind).text[0]
    lone = [line for line in made[:1]]
    for worst in (None, {**lone[0]["output"]["best"]}):
        lone[0]["output"]["worst"] = worst
        lone[0]["output"]["reward"] = lone[0]["output"]["best"]["reward"]
        assert list(rows("preference", run_of(tmp_path, lone), context())) == [NO_PAIR]
