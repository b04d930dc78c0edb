"""What `dikast genqr run` reads beside its options, and what it prints: estimate, preview, comparison."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from dikast.cli.output import emit, print_rows, say, table
from dikast.cli.running import Running, finish
from dikast.errors import DataError, UsageError
from dikast.records import Outcome, Qrels, Usage

if TYPE_CHECKING:
    from dikast.graphs.genqr import Context
    from dikast.jobs import Summary
    from dikast.jobs.reading import Run
    from dikast.retrieval.compare import Row
    from dikast.retrieval.retriever import Hit

SHOWN = 5
"""Query ids that a note lists."""
INFORMED = ("oracle", "human")
"""Feedback of somebody who knows what is relevant."""
CHARACTERS_PER_TOKEN = 4
"""A rule of thumb for English, good enough for an estimate."""


def read_queries(topics: str | None, columns: str | None, limit: int | None) -> list[dict[str, str]]:
    """The rows of the job: query id and text."""
    from dikast.jobs.sources import parse_columns, read_rows
    from dikast.retrieval.trec import read_topics

    if topics is None:
        raise UsageError("no queries", hint="give --topics FILE, or --collection sample")
    if columns is None and not topics.endswith((".csv", ".parquet")):
        return [{"qid": qid, "query": text} for qid, text in read_topics(topics).items()][:limit]
    rows = read_rows(Path(topics), parse_columns(columns))
    found: list[dict[str, str]] = []
    for number, row in enumerate(rows, start=1):
        if "query" not in row:
            raise DataError("no column 'query'", path=topics, hint=f"--columns query=...; it has {', '.join(row)}")
        found.append({"qid": str(row.get("qid", number)), "query": str(row["query"])})
        if len(found) == limit:
            break
    return found


def read_judgments(qrels: str | None, rows: list[dict[str, str]]) -> dict[str, dict[str, int]]:
    """The judgments of these queries; what cannot be scored is told."""
    from dikast.retrieval.trec import read_qrels

    if qrels is None:
        say("no --qrels: rankings are written, nothing is scored")
        return {}
    judged = read_qrels(qrels)
    asked = [row["qid"] for row in rows]
    without = [qid for qid in asked if qid not in judged]
    if without:
        listed = ", ".join(without[:SHOWN]) + (", ..." if len(without) > SHOWN else "")
        say(f"note: {len(without)} of {len(asked)} queries have no judgments and are not scored: {listed}")
    if asked and len(without) == len(asked):
        raise DataError("no query of the topics has judgments", path=qrels, hint="do the query ids match?")
    return {qid: grades for qid, grades in judged.items() if qid in set(asked)}


def estimate(rows: list[dict[str, str]], context: Context, running: Running, as_json: bool) -> None:
    """Print what the run would ask and cost; ask nothing. Feedback documents are counted by their budget."""
    from dikast.graphs import genqr
    from dikast.jobs.previewing import estimate as job_estimate

    found = job_estimate(genqr.graph, rows, context, running.out)
    beside = calls_beside(context)
    calls = found.owed * (context.reformulations + sum(beside.values()))
    texts = [
        message["content"]
        for row in rows
        for instruction in context.instructions
        for message in context.prompt.render(
            {
                name: text
                for name, text in {**row, "instruction": instruction, "form": genqr.FORMS[context.reply]}.items()
                if name in context.prompt.fields
            }
        )
    ]
    share = found.owed / found.asked if found.asked else 0
    each = context.reformulations / len(context.instructions)
    shown = found.owed * context.reformulations * context.feedback_tokens if context.feedback != "none" else 0
    input_tokens = round(share * each * sum(map(len, texts)) / CHARACTERS_PER_TOKEN) + shown
    output_tokens = calls * context.sampling.max_tokens
    limits = running.limits()
    told: dict[str, object] = {
        "rows asked": found.asked,
        "rows owed": found.owed,
        "calls at most": calls,
        "input tokens, about": input_tokens,
        "output tokens at most": output_tokens,
    }
    if limits.price_input or limits.price_output:
        told["cost at most, about"] = limits.cost_of(Usage(input_tokens=input_tokens, output_tokens=output_tokens))
    emit(told) if as_json else table(("what", "value"), list(told.items()))


def calls_beside(context: Context) -> dict[str, int]:
    """Calls that a row makes at most beside its reformulations, by what for."""
    from dikast.agents.critic import ModelCritic

    listwise = isinstance(context.critic, ModelCritic) and context.critic.listwise
    looked_at = max(context.feedback_k, context.feedback_pool)
    return {
        "plan": int(context.plan is not None),
        "refine": int(context.refine is not None),
        "fluent": int(context.fluent),
        "critic": (1 if listwise else looked_at) if context.feedback == "critic" else 0,
        "judge": context.reformulations + context.with_original if context.select == "judge" else 0,
    }


def show_preview(rows: list[dict[str, str]], context: Context, running: Running, n: int, as_json: bool) -> None:
    """Run a few rows and print them whole."""
    from dikast.graphs import genqr
    from dikast.graphs.genqr.story import story
    from dikast.jobs.previewing import preview

    played = preview(genqr.graph, rows, context, n, cache=running.request_cache())
    print_rows(finish(played), story, as_json)


def report(out: Path, qrels: Qrels, measures: list[str], as_json: bool, summary: Summary, feedback: str) -> None:
    """Write the run files, score before and after, print the comparison.

    Where somebody was shown documents because they are relevant, the headline is the residual collection's.
    """
    from dikast.jobs.reading import Run
    from dikast.retrieval.compare import compare
    from dikast.retrieval.residual import residual
    from dikast.retrieval.trec import write_run

    folder = out / "export"
    folder.mkdir(exist_ok=True)
    run = Run.open(out)
    runs = rankings(run)
    for name, ranking in runs.items():
        write_run(folder / f"{name}.run", ranking, name)
    plain = compare(qrels, runs, baseline="before", measures=measures) if qrels else []
    told: dict[str, object] = {"comparison": [asdict(row) for row in plain]}
    left: list[Row] = []
    exhausted: list[str] = []
    if feedback in INFORMED and qrels:
        without = residual(qrels, runs, shown(run, feedback))
        exhausted = without.exhausted
        left = compare(without.qrels, without.runs, baseline="before", measures=measures) if without.qrels else []
        told = {"comparison": [asdict(row) for row in left], "plain": told["comparison"], "exhausted": len(exhausted)}
    silent = ungraded(run)
    for who, (without, looked_at) in silent.items():
        say(f"note: the {who} gave no grade to {without} of {looked_at}; see their reasons in 'dikast runs show'")
    if as_json:
        scored = "residual" if feedback in INFORMED else "plain"
        emit({"summary": summary.as_dict(), "evaluation": scored, "ungraded": silent, **told, "folder": str(out)})
    elif plain:
        tell_scores(plain, left, exhausted, feedback)
    unscored = sum(row.asked - row.scored for row in plain[1:2])
    if unscored:
        say(f"note: {unscored} judged queries have no ranking after; they count as 0")


def ungraded(run: Run) -> dict[str, tuple[int, int]]:
    """Who -> how many of what it was asked about it did not grade, out of how many; only who left some.

    Such a row is `ok`, since its keywords are there; but what a critic or judge could not say did not choose either.
    """
    outcomes: dict[str, list[str]] = {"critic": [], "judge": []}
    for row in run.rows():
        if row["output"] is not None:
            selection = row["output"]["selection"]
            outcomes["critic"] += [one["outcome"] for one in row["output"]["feedback"]]
            outcomes["judge"] += [one["outcome"] for one in selection["candidates"]] if selection else []
    missing = {who: sum(outcome != Outcome.OK for outcome in found) for who, found in outcomes.items()}
    return {who: (count, len(outcomes[who])) for who, count in missing.items() if count}


def tell_scores(plain: list[Row], left: list[Row], exhausted: list[str], feedback: str) -> None:
    """The comparison; the residual collection's before the plain one, whose feedback documents flatter it."""
    if feedback not in INFORMED:
        tell_comparison(plain)
        return
    if exhausted:
        say(f"note: {len(exhausted)} queries have no relevant document left that was not shown; they cannot be scored")
    if left:
        say("residual collection: without the documents that were shown")
        tell_comparison(left)
    else:
        say("no query has a relevant document left: there is no residual score")
    say("plain scores: the shown documents are ranked again, which flatters 'after'")
    tell_comparison(plain)


def shown(run: Run, feedback: str) -> dict[str, list[str]]:
    """Query id -> documents that were shown to the solver; to a person, those that the person did not choose, too."""
    return {
        row["input"]["qid"]: [one["docid"] for one in row["output"]["feedback"] if one["used"] or feedback == "human"]
        for row in run.rows()
        if row["output"] is not None
    }


def tell_comparison(rows: list[Row]) -> None:
    """Before and after, a measure a line, whatever the sign of the difference."""
    before = {row.measure: row for row in rows if row.paired is None}
    table(
        ("measure", "n", "before", "after", "difference", "95 % interval", "p", "better/same/worse"),
        [
            (
                row.measure,
                row.asked,
                f"{before[row.measure].mean:.4f}",
                f"{row.mean:.4f}",
                f"{paired.difference:+.4f}",
                f"[{paired.interval.low:+.4f}, {paired.interval.high:+.4f}]",
                f"{paired.p_randomisation:.3f}",
                f"{paired.wins}/{paired.ties}/{paired.losses}",
            )
            for row in rows
            if (paired := row.paired)
        ],
    )


def rankings(run: Run) -> dict[str, dict[str, list[Hit]]]:
    """The rankings of a run's finished rows: `before` with the original queries, `after` with the rewritten ones."""
    from dikast.retrieval.retriever import Hit

    runs: dict[str, dict[str, list[Hit]]] = {"before": {}, "after": {}}
    for row in run.rows():
        output = row["output"]
        if output is not None:
            runs["before"][row["input"]["qid"]] = [Hit(*hit) for hit in output["baseline"]]
            runs["after"][row["input"]["qid"]] = [Hit(*hit) for hit in output["hits"]]
    return runs
