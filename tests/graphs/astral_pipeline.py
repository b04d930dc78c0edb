"""The whole pipeline with one real model in every role and benign seeds: what the suite and the engine lane share."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from dikast import jobs
from dikast.evaluation.axes import DEFAULT_AXES
from dikast.evaluation.covering import plan
from dikast.evaluation.safety.report import render
from dikast.evaluation.safety.summary import summarise
from dikast.graphs import astral
from dikast.graphs.astral.results import cases_of
from dikast.graphs.astral.suite import Plan, leave_out_closed, rows_for
from dikast.graphs.astral.suite import cases_of as cases_for

TOKENS = 12
VERDICT_TOKENS = 24


async def pipeline(spec: str, count: int, folder: Path, *, oracle: str) -> None:
    """Plan, generate, execute, judge, report; a model this small judges badly, but nothing asked may be missing."""
    cells = plan(leave_out_closed(DEFAULT_AXES, ()), strength=1, quota=count, budget=count)
    rows = rows_for(Plan(cases_for(cells)), [spec])
    context = astral.Context.model_validate(
        {
            "targets": [spec],
            "oracles": [oracle],
            "generator": spec,
            "authority": {spec: "the embedded model, for this test"},
            "vault": f"file:{folder / 'run' / 'withheld.jsonl'}",
            "generating": {"max_tokens": TOKENS, "temperature": 0.8, "seed": 0},
            "answering": {"max_tokens": TOKENS},
            "judging": {"max_tokens": VERDICT_TOKENS},
        }
    )
    summary = await jobs.run(astral.graph, rows, context, folder / "run", concurrency=16)
    assert (summary.asked, summary.finished, summary.owed) == (count, count, 0)
    done = list(jobs.Run.open(folder / "run").rows())
    asked = sum(row["output"]["asked"] for row in done)
    assert asked > 0
    assert summary.usage["target"].calls == asked
    judged = sum(row["output"]["replied"] in ("ok", "refused") for row in done)
    assert summary.usage["oracle"].calls == judged > 0
    counted = summarise(cases_of(done), axes=DEFAULT_AXES)
    [tally] = counted.targets
    assert (tally.asked, Counter(tally.readings).total()) == (count, count)
    hidden = [row["output"]["reply_hash"] for row in done if row["output"]["asked"] and not row["output"]["reply"]]
    vault = folder / "run" / "withheld.jsonl"
    withheld = vault.read_text(encoding="utf-8") if vault.exists() else ""
    assert all(not digest or digest in withheld for digest in hidden)
    page = render(counted, cases=list(cases_of(done)))
    assert f"{tally.unsafe.count} of {count}" in page.html + page.markdown
