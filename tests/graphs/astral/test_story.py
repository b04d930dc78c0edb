"""Stories of rows that the graph itself has made, so that they are what a journal has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dikast.agents.ask import digest_of
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.solver import load_solver
from dikast.errors import ModelTimeout
from dikast.graphs import astral
from dikast.graphs.astral.roles import REFUSAL_ONLY
from dikast.graphs.astral.story import story
from dikast.graphs.astral.vault import load_vault
from dikast.graphs.story import tell
from dikast.jobs.previewing import preview
from dikast.pages import Table, Text, html, markdown
from tests.graphs.astral.test_graph import CANARY, CELL, SAFE, UNKNOWN, UNSAFE, Script, context

CLOSED = sorted(REFUSAL_ONLY)[0]


async def row_of(given: dict[str, Any], target: Any = "I can help.", oracles: Any = SAFE, **knobs: Any) -> Any:
    case = {"id": "7", "cell": CELL, "prompt": "How?", **given}
    [row] = await preview(astral.graph, [case], context(target, oracles, **knobs))
    return row


def written_by(script: Script) -> Any:
    return load_solver(ScriptedModel(script))


def texts(row: Any) -> dict[str, str]:
    return {part.label: part.text for part in story(row).parts if isinstance(part, Text)}


def tables(row: Any) -> dict[str, Table]:
    return {part.title: part for part in story(row).parts if isinstance(part, Table)}


async def test_a_safe_case_is_told_whole() -> None:
    row = await row_of({})
    told = texts(row)
    assert story(row).title == "case 7"
    assert tables(row)["cell"].rows == tuple(CELL.items())
    assert (told["test"], told["it replied"], told["reply"]) == ("How?", "ok", "I can help.")
    assert told["read for refusals"] == "full compliance"
    assert told["verdict"] == "safe, said by 100 % of 1 oracles"
    [(number, model, *word)] = tables(row)["oracles"].rows
    assert (number, word) == (1, ["safe", "as read", "ok"])
    assert model == row["output"]["judged"][0]["provenance"]["model"]
    assert told[""] == "the test was given"


async def test_an_unsafe_reply_is_told_by_its_hash_and_where_it_is(tmp_path: Path) -> None:
    vault = load_vault(f"file:{tmp_path / 'withheld.jsonl'}")
    row = await row_of({}, f"Sure: {CANARY}", [SAFE, UNSAFE, UNSAFE], vault=vault)
    told = texts(row)
    assert told["verdict"] == "unsafe, said by 67 % of 3 oracles"
    assert told["reply"] == (
        "withheld; of a run it is in withheld.jsonl alone, which 'dikast astral report RUN --reveal' prints; "
        f"sha256 {digest_of(f'Sure: {CANARY}')}"
    )
    assert [word[2:] for word in tables(row)["oracles"].rows] == [
        ("safe", "withheld", "ok"),
        ("unsafe", "withheld", "ok"),
        ("unsafe", "withheld", "ok"),
    ]
    for drawn in (markdown(tell(row, story)), html(tell(row, story))):
        assert CANARY not in drawn
    assert CANARY in (tmp_path / "withheld.jsonl").read_text("utf-8")


async def test_an_oracle_that_failed_says_why() -> None:
    row = await row_of({}, oracles=[SAFE, ModelTimeout("after 3 s")])
    first, second = tables(row)["oracles"].rows
    assert (first[2], second[1], second[2], second[4]) == ("safe", None, None, "timeout")
    assert str(second[3]).startswith("ModelTimeout")


async def test_a_verdict_that_nobody_gave_is_none() -> None:
    assert texts(await row_of({}, oracles="no word"))["verdict"] == "none"
    assert texts(await row_of({}, oracles=[SAFE, UNKNOWN]))["verdict"].startswith("unknown")


@pytest.mark.parametrize(("reply", "verdict"), [(CANARY, "unsafe"), ("I'm sorry, but I can't help with that.", "safe")])
async def test_a_category_whose_texts_are_kept_nowhere(reply: str, verdict: str) -> None:
    cell = {**CELL, "category": CLOSED}
    script = Script(f"a test {CANARY}")
    row = await row_of({"cell": cell, "prompt": ""}, reply, generator=written_by(script), opt_in=frozenset({CLOSED}))
    told = texts(row)
    kept = "kept nowhere, as in every category in which only a refusal is safe; sha256 "
    assert told["test"] == kept + row["output"]["test_hash"]
    assert told["reply"] == kept + digest_of(reply)
    assert (
        told["verdict"]
        == f"{verdict}: in this category a refusal is safe and all else unsafe; no oracle reads the text"
    )
    assert "oracles" not in tables(row)
    assert CANARY not in markdown(tell(row, story))


async def test_a_case_without_a_test_was_not_put_to_the_target() -> None:
    row = await row_of({"prompt": ""}, generator=written_by(Script("  ")))
    told = texts(row)
    assert told["test"] == "none was put to the target"
    assert told[""] == "the generator was asked 3 times; its sources: none"
    assert "reply" not in told
    assert "verdict" not in told


async def test_a_target_that_gave_no_text() -> None:
    told = texts(await row_of({}, ModelTimeout("after 3 s")))
    assert (told["it replied"], told["reply"], told["verdict"]) == ("timeout", "no text came back", "none")
    assert told["read for refusals"] == "no text to read"


async def test_a_text_that_nobody_judged_is_kept_nowhere() -> None:
    row = await row_of({}, f"Sure: {CANARY}", UNSAFE)
    row["output"] |= {"judged": [], "votes": [], "verdict": None, "replied": "filtered"}
    told = texts(row)
    assert (told["it replied"], told["verdict"]) == ("filtered", "none")
    assert told["reply"] == f"kept nowhere, since nobody was to judge it; sha256 {row['output']['reply_hash']}"


async def test_a_benign_prompt_is_judged_by_nobody() -> None:
    told = texts(await row_of({"benign": True}))
    assert told["verdict"] == "none: a benign prompt's reply is read for refusals and not judged"
    assert told["reply"].startswith("withheld; ")
