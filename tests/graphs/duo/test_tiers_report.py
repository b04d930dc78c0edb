"""What a study of tiers amounts to, how a question is told, and what is exported."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import ModelTimeout
from dikast.graphs.duo.tiers import router
from dikast.graphs.duo.tiers.report import CURVES, report
from dikast.graphs.duo.tiers.story import story
from dikast.graphs.duo.tiers.study import Measured
from dikast.graphs.duo.tiers.training import FAILED, about, routes
from dikast.jobs import Run
from dikast.jobs.exports import LeftOut
from dikast.jobs.manifest import Attempt, Manifest
from dikast.jobs.reading import OUTCOMES
from dikast.pages import markdown
from tests.graphs.duo.cast import ROW, Tier, always, context, failing, record


class Made(Run):
    """A run whose rows are given."""

    def __init__(self, path: Path, rows: list[dict[str, Any]], asked: int | None = None) -> None:
        attempt = Attempt(started="2026-01-01T00:00:00+00:00", asked=len(rows) if asked is None else asked)
        super().__init__(path, Manifest(graph="duo_tiers", samples=1, fingerprint={}, attempts=[attempt]))
        object.__setattr__(self, "made", rows)

    def rows(self, outcomes: Collection[str] = OUTCOMES) -> Iterator[dict[str, Any]]:
        del outcomes
        return iter(vars(self)["made"])


def easy(question: str) -> bool:
    return int(question.split(" ")[0]) % 2 == 0


async def rows(count: int, **knobs: Any) -> tuple[Any, list[dict[str, Any]]]:
    """The small model is right on even numbers, and sure of itself there; the big one always."""
    small = Tier(lambda question, draft, sample: "4" if easy(question) else "I think it is 5")
    small.logprob = lambda text: -0.1 if text == "4" else -3.0
    made = context(small, always("4", "big"), samples=2, **knobs)
    return made, [await record(made, {**ROW, "id": str(n), "question": f"{n} + 2?"}) for n in range(count)]


async def test_every_policy_stands_at_its_cost(tmp_path: Path) -> None:
    made, lines = await rows(40, budget=0.75)
    failed = await record(context(always("4"), failing(ModelTimeout("late"))))
    found = report(Made(tmp_path, [*lines, failed], asked=50), made)
    data: Mapping[str, Any] = found.data
    assert (data["rows"], data["failed"], data["asked"]) == (40, 1, 50)
    policies = data["policies"]
    assert policies["small"]["right"] == 0.5
    assert policies["small"]["cost"] == pytest.approx(0.1)
    assert (policies["big"]["right"], policies["big"]["cost"]) == (1.0, pytest.approx(1.0))
    assert policies["mix"]["right"] == pytest.approx(0.5 + 0.5 * (0.75 - 0.1) / 0.9)
    for name in ("oracle", "cross_fitted"):
        assert policies[name]["right"] == 1.0
        assert policies[name]["cost"] == pytest.approx(0.5 * 0.1 + 0.5 * 1.0)
    assert policies["router"]["right"] == 1.0
    assert policies["router"]["cost"] == pytest.approx(0.6)  # the small model's reply is paid for, too
    assert data["router"]["gain"] == pytest.approx(1 - (0.5 + 0.5 * 0.5 / 0.9))
    assert data["router"]["low"] > 0
    assert 0.7 < policies["null"]["right"] <= 1
    assert data["plans"]["oracle"] == {"skip, small": 40, "skip, big": 40}
    assert data["plans"]["router"] == {"small, skip": 40, "small, big": 40}
    assert data["replies"] == {"small": {"ok": 80}, "big": {"ok": 80}}
    page = markdown(found.page)
    assert "40 questions scored of 50 asked; 1 failed" in page
    assert "policies.svg" in page
    assert (tmp_path / "export" / CURVES).read_text().startswith("<?xml")
    assert found.data["curves"]["oracle"] == sorted(found.data["curves"]["oracle"])


async def test_no_question_is_routed_by_a_router_that_has_learnt_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made, lines = await rows(13)
    learnt: list[set[int]] = []
    real = router.routers

    def watched(seen: router.Seen, context: Any) -> Any:
        learnt.append(set(seen.row.tolist()))
        return real(seen, context)

    monkeypatch.setattr(router, "routers", watched)
    assert router.route(Measured.of(lines, made), made, [0.5]) is not None
    held = [set(range(13)) - one for one in learnt]
    assert sorted(row for one in held for row in one) == list(range(13))  # each once
    assert len(held) == made.folds


async def test_what_cannot_be_said_is_not_said(tmp_path: Path) -> None:
    made, lines = await rows(4)
    found = report(Made(tmp_path, lines), made)
    assert (found.data["router"], "router" in found.data["policies"]) == (None, False)
    assert any("too few for a router" in note for note in found.notes)
    single = context(always("4"), always("4", "big"))
    found = report(Made(tmp_path, [await record(single)]), single)
    assert "cross_fitted" not in found.data["policies"]
    assert any("one sample" in note for note in found.notes)
    assert report(Made(tmp_path, []), single).data["rows"] == 0


async def test_a_question_is_told_with_its_replies_and_plans() -> None:
    made = context(always("no idea"), always("#### 4", "big"))
    told = markdown(story(await record(made, {**ROW, "cached": "7"})))
    assert "some plan is right in 1 of 1 samples" in told
    assert "sample 1, big: 4, right" in told
    assert "small: -, unparsed" in told
    assert "cached answer, wrong" in told
    assert "skip, big" in told


async def test_exported_rows_hold_what_a_router_sees_and_no_gold_answer(tmp_path: Path) -> None:
    made, lines = await rows(3)
    failed = await record(context(always("4"), failing(ModelTimeout("late"))))
    found = list(routes(Made(tmp_path, [*lines, failed]), made))
    assert found[-1] == FAILED
    kept = [one for one in found if not isinstance(one, LeftOut)]
    assert len(kept) == 6
    assert {len({split for split, row in kept if row["question"] == f"{n} + 2?"}) for n in range(3)} == {1}
    plans = {row["question"][0]: row["plan"] for _, row in kept}
    assert plans == {"0": ["skip", "small"], "1": ["skip", "big"], "2": ["skip", "small"]}
    assert set(kept[0][1]) == set(about().meanings)
    assert "answer" not in kept[0][1]
