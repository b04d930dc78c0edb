"""What a run amounts to, what is told of a row, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dikast.errors import ModelTimeout
from dikast.graphs.rewarding import Rewarded
from dikast.graphs.rlgf.report import report
from dikast.graphs.rlgf.story import story
from dikast.graphs.rlgf.training import FAILED, NOT_BEST, UNREWARDED, about, about_rollouts, rollouts, rows
from dikast.jobs import Run
from dikast.jobs.exports import LeftOut
from dikast.jobs.manifest import Attempt, Manifest
from dikast.pages import markdown
from dikast.records import Outcome
from dikast.training.rows import Kind, problem_of
from tests.graphs.rlgf.scripts import Counts, Writer, context, record, row_at


class Listed(Run):
    """A run whose journal is a list."""

    def rows(self, outcomes: Any = ()) -> Any:
        """The lines."""
        del outcomes
        return iter(vars(self)["listed"])


def run_of(tmp_path: Path, lines: list[dict[str, Any]]) -> Listed:
    attempt = Attempt(started="2026-01-01T00:00:00+00:00", asked=len(lines))
    made = Listed(tmp_path, Manifest(graph="rlgf", samples=1, fingerprint={}, attempts=[attempt]))
    object.__setattr__(made, "listed", lines)
    return made


async def lines() -> list[dict[str, Any]]:
    given = context(beta=1.0)
    held = context(beta=1.0, reference=Writer("x", logprob=-1.5))
    found = [await record(given, row_at(given, tau), f"k{tau}") for tau in (1, 4, 8)]
    found.append(await record(held, {**row_at(held, 4), "sample": 1}, "held"))
    found.append(await record(context(reward=Counts(Rewarded(None, Outcome.UNPARSED, "no")))))
    found.append(await record(context(reward=Counts(ModelTimeout("late")))))
    return found


async def test_rewards_and_owners_are_counted(tmp_path: Path) -> None:
    made = await lines()
    found = report(run_of(tmp_path, made), context())
    data = found.data
    assert (data["rows"], data["failed"], data["unrewarded"], data["asked"]) == (6, 1, 1, 6)
    rewards = [line["output"]["reward"] for line in made[:4]]
    assert rewards[:3] == [8.0, 5.0, 1.0]
    assert data["reward"] == pytest.approx(sum(rewards) / 4)
    assert (data["own_texts"], data["own_reward"]) == (1, 8.0)
    assert data["kl"] == pytest.approx(made[3]["output"]["kl"])
    guides = sum(token["owner"] == "guide" for line in made[:5] for token in line["output"]["tokens"])
    assert (data["tokens"]["guide"], data["masked_share"]) == (guides, 1.0)
    assert "mean reward" in markdown(found.page)


async def test_a_guide_s_token_that_is_trained_on_would_be_told(tmp_path: Path) -> None:
    made = await lines()
    next(one for one in made[1]["output"]["tokens"] if one["owner"] == "guide")["trained"] = True
    assert report(run_of(tmp_path, made[:3]), context()).data["masked_share"] == pytest.approx(1 - 1 / 10)


async def test_a_row_is_told_by_turns_and_tokens() -> None:
    made = await lines()
    told = markdown(story(made[1]))
    assert "guide before token 4, policy behind it" in told
    assert told.count("policy: 5 tokens of 5") == 1
    failed = await record(context(beta=1.0, guide=Writer("g", fails=ModelTimeout("late"))), row_at(context(), 4))
    assert "no reward" in markdown(story(failed))


async def test_rollouts_have_what_trl_reads_and_owners(tmp_path: Path) -> None:
    made = await lines()
    found = list(rollouts(run_of(tmp_path, made), context()))
    assert [one for one in found if isinstance(one, LeftOut)] == [UNREWARDED, FAILED]
    texts = [one for one in found if not isinstance(one, LeftOut)]
    assert len(texts) == 4
    for _, row in texts:
        assert set(row) == set(about_rollouts().meanings)
        assert row["env_mask"] == [int(owner == "policy") for owner in row["owners"]]
        assert len(row["completion_ids"]) == len(row["logprobs"]) == len(row["rewards"]) == 8
    assert len({split for split, _ in texts}) == 1


@pytest.mark.parametrize("kind", ["sft", "value"])
async def test_rows_for_other_trainers(tmp_path: Path, kind: Kind) -> None:
    made = await lines()
    found = list(rows(kind, run_of(tmp_path, made), context()))
    kept = [row for _, row in (one for one in found if not isinstance(one, LeftOut))]
    assert all(problem_of(row, kind) is None for row in kept)
    assert {"share", "collector"} <= set(about(kind).meanings)
    left_out = [one.why for one in found if isinstance(one, LeftOut)]
    assert left_out.count(UNREWARDED.why) == left_out.count(FAILED.why) == 1
    if kind == "sft":
        assert [row["completion"][0]["content"] for row in kept] == ["p" * 8]
        assert left_out.count(NOT_BEST.why) == 3
    else:
        assert [row["value"] for row in kept] == [8.0, 5.0, 1.0]
        assert kept[1]["share"] == pytest.approx(5 / 8)


async def test_the_only_text_of_a_prompt_is_not_its_best(tmp_path: Path) -> None:
    given = context(beta=1.0)
    same = [await record(given, {"prompt": "Another.", "sample": at}, f"k{at}") for at in range(2)]
    same[1] = {**same[0], "key": "other"}
    for made in (same[:1], same):
        assert {one for one in rows("sft", run_of(tmp_path, made), context()) if isinstance(one, LeftOut)} == {NOT_BEST}
        assert all(isinstance(one, LeftOut) for one in rows("sft", run_of(tmp_path, made), context()))
