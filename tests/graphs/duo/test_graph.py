"""The study inside a model, over written losses: the row, the report, the story, the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError, UsageError
from dikast.graphs import duo
from dikast.graphs.duo.options import Options, read_input
from dikast.graphs.duo.report import FIGURE, report
from dikast.graphs.duo.story import story
from dikast.pages import markdown
from tests.graphs.duo.inside import Written
from tests.graphs.duo.test_tiers_report import Made


async def record(text: str, **knobs: Any) -> dict[str, Any]:
    context = duo.Context.model_validate({"duo": Written(), **knobs})
    output = (await duo.graph.ainvoke({"text": text}, context=context, version="v2")).value
    return {"row": 1, "key": text, "input": {"text": text}, "output": output, "outcome": output["outcome"]}


async def test_a_text_has_the_oracles_route_within_the_budget_and_the_routers() -> None:
    output = (await record("hard words", budget=0.5))["output"]
    assert (output["tokens"], output["layers"], output["cut"]) == (9, 2, False)
    assert output["oracle"]["route"] == [0, 2]
    assert output["oracle"]["loss"] == 1.5
    assert output["router"]["loss"] == 1.0
    assert output["fixed"] == {"big": 1.0, "small": 2.0, "skip": 3.0}
    assert (await record("hard words", budget=0.1))["output"]["oracle"]["route"] == [1, 1]
    cut = (await record("hard words", tokens=4))["output"]
    assert (cut["tokens"], cut["cut"]) == (4, True)


async def test_a_text_of_one_token_is_empty_and_none_is_refused() -> None:
    short = await record("x")
    assert (short["outcome"], short["output"]["oracle"]) == ("empty", None)
    assert "two tokens" in short["output"]["reason"]
    assert "1 tokens" in story(short).title
    with pytest.raises(DataError, match="empty"):
        await record("  ")
    context = duo.Context.model_validate({"duo": Written()})
    row: Any = {"id": "x"}
    with pytest.raises(UsageError, match="'text'"):
        await duo.graph.ainvoke(row, context=context)


async def test_the_report_tells_oracle_routers_luck_and_where_it_is_spent(tmp_path: Path) -> None:
    lines = [await record(f"{kind} {n}", budget=0.6) for n in range(8) for kind in ("easy", "hard")]
    context = duo.Context.model_validate({"duo": Written(), "budget": 0.6})
    found = report(Made(tmp_path, [*lines, await record("x")]), context)
    data = found.data
    assert (data["texts"], data["short"], data["failed"], data["tried_all"]) == (16, 1, 0, True)
    policies = data["policies"]
    assert policies["all_big"]["loss"] == pytest.approx((2 + 1) / 2)
    assert policies["all_small"]["loss"] == pytest.approx(2.0)
    assert policies["oracle"]["loss"] == policies["router"]["loss"] == pytest.approx(1.5)
    assert policies["cross_fitted"]["loss"] == pytest.approx(1.5)  # a route that suits one half suits the other
    assert policies["fixed"]["loss"] == pytest.approx(1.5)  # small, then big, is within .6 for all
    assert policies["random_100"]["loss"] < policies["random_10"]["loss"] < policies["random_1"]["loss"]
    assert policies["null"]["loss"] < 1.5  # dealt out at random, every text has a route that is better than any it has
    assert policies["router"]["cost"] == pytest.approx((0.1 + 0.55) / 2)
    against = data["router_against"]  # at a cost of .325 half of all texts are small, small; half small, big
    assert against["gain"] == pytest.approx(0.25)
    assert against["cross_fitted_gain"] == pytest.approx(0.25)
    assert against["recovered"] == pytest.approx(1.0)
    assert [one["big"] for one in data["by_count"]] == [0, 1, 2]
    assert [one["oracle"] for one in data["by_count"]] == pytest.approx([2.0, 1.5, 1.5])
    assert data["by_layer"][1] == {"oracle_big": 0.5, "oracle_skip": 0.0, "router_big": 0.5, "router_skip": 0.0}
    assert data["difficulty"]["with_spent"] == pytest.approx(1.0)
    assert data["difficulty"]["with_loss"] == pytest.approx(-1.0)
    page = markdown(found.page)
    assert "16 texts measured of 17 asked; 0 failed, 1 too short" in page
    assert (tmp_path / "export" / FIGURE).is_file()
    beam = [await record(f"hard {n}", search="beam") for n in range(3)]
    found = report(Made(tmp_path, beam), context)
    assert "null" not in found.data["policies"]
    assert any("not all routes" in note for note in found.notes)
    assert report(Made(tmp_path, []), context).data["texts"] == 0


async def test_a_text_is_told() -> None:
    told = markdown(story(await record("hard words", budget=0.6)))
    assert "9 tokens, 2 layers" in told
    assert "9 routes tried" in told


def test_what_is_no_file_of_texts_is_told(tmp_path: Path) -> None:
    context = duo.Context.model_validate({"duo": Written()})
    with pytest.raises(UsageError, match="no texts"):
        read_input(Options(), context)
    path = tmp_path / "t.jsonl"
    for content, message in (
        ('{"body": "a"}', "missing"),
        ('{"text": " "}', "empty"),
        ('{"text": "a", "id": "1"}\n{"text": "b", "id": "1"}', "already stands"),
        ("", "t.jsonl"),
    ):
        path.write_text(content)
        with pytest.raises(DataError, match=message):
            read_input(Options(texts=path), context)
    path.write_text('{"body": "a b"}')
    assert read_input(Options(texts=path, columns="text=body"), context) == [{"id": "1", "text": "a b"}]
    with pytest.raises(UsageError, match="'txt'"):
        read_input(Options(texts=path, columns="txt=body"), context)
