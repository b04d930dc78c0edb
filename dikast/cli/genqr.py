"""`dikast genqr run`: rewrite the queries of a topics file, search before and after, compare."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dikast.cli import options
from dikast.cli.options import INPUT, METHOD, MODEL
from dikast.cli.output import emit, say, table
from dikast.cli.running import Running, finish, tell
from dikast.errors import DataError, UsageError
from dikast.records import Qrels, Usage

if TYPE_CHECKING:
    from dikast.graphs.genqr import Context
    from dikast.jobs import Summary
    from dikast.jobs.reading import Run
    from dikast.retrieval.compare import Row
    from dikast.retrieval.retriever import Hit

app = typer.Typer(no_args_is_help=True, help="Rewrite queries by instruction ensembles, search before and after.")

MEASURES = "nDCG@10,MAP,R@100"
SHOWN = 5
"""Query ids that a note lists."""
CHARACTERS_PER_TOKEN = 4
"""A rule of thumb for English, good enough for an estimate."""


@app.callback()
def group() -> None:
    """Keep `run` a subcommand: other verbs may follow."""


@app.command()
def run(
    ctx: typer.Context,
    out: options.Out = Path("runs/genqr"),
    corpus: Annotated[
        str | None,
        typer.Option(metavar="FILE", rich_help_panel=INPUT, help="Collection or saved index to search with BM25."),
    ] = None,
    topics: Annotated[
        str | None, typer.Option(metavar="FILE", rich_help_panel=INPUT, help="Queries: TSV, JSON lines, CSV, Parquet.")
    ] = None,
    qrels: Annotated[
        str | None, typer.Option(metavar="FILE", rich_help_panel=INPUT, help="Judgments, to score with. Optional.")
    ] = None,
    collection: Annotated[
        Literal["sample"] | None,
        typer.Option(rich_help_panel=INPUT, help="The small collection that ships with dikast, in place of files."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="OURS=THEIRS,...", rich_help_panel=INPUT, help="Names in your topics file: query=question,qid=id."
        ),
    ] = None,
    retriever: Annotated[
        str | None,
        typer.Option(metavar="SPEC", rich_help_panel=INPUT, help="Another retriever than BM25 over --corpus."),
    ] = None,
    k1: Annotated[float, typer.Option(min=0, rich_help_panel=INPUT, help="BM25's k1.")] = 0.9,
    b: Annotated[float, typer.Option(min=0, max=1, rich_help_panel=INPUT, help="BM25's b.")] = 0.4,
    model: options.Model = None,
    solver: Annotated[
        str | None,
        typer.Option(
            envvar="DIKAST_SOLVER", metavar="SPEC", rich_help_panel=MODEL, help="Model that writes the keywords."
        ),
    ] = None,
    seed: options.Seed = 0,
    temperature: Annotated[float, typer.Option(min=0, rich_help_panel=MODEL, help="0 is greedy decoding.")] = 1.0,
    top_p: Annotated[float, typer.Option(min=0, max=1, rich_help_panel=MODEL, help="Nucleus sampling.")] = 0.92,
    top_k: Annotated[int, typer.Option(min=0, rich_help_panel=MODEL, help="0 keeps the whole vocabulary.")] = 200,
    repetition_penalty: Annotated[
        float, typer.Option(min=0.01, rich_help_panel=MODEL, help="1 is none; some vendors' servers take no other.")
    ] = 1.2,
    max_tokens: Annotated[int, typer.Option(min=1, rich_help_panel=MODEL, help="Tokens of one reply.")] = 40,
    mode: Annotated[
        Literal["ensemble", "fusion"],
        typer.Option(rich_help_panel=METHOD, help="One search with all keywords, or one an instruction, fused."),
    ] = "ensemble",
    instructions: Annotated[
        str | None,
        typer.Option(metavar="FILE.txt", rich_help_panel=METHOD, help="Your own instructions, one a line."),
    ] = None,
    n: Annotated[
        int | None, typer.Option("-n", min=1, rich_help_panel=METHOD, help="Use only the first N instructions.")
    ] = None,
    reply: Annotated[
        Literal["text", "json"],
        typer.Option(rich_help_panel=METHOD, help="Form of the model's reply; json is forced by the engine."),
    ] = "text",
    combination: Annotated[
        Literal["paper", "querygym", "mix"],
        typer.Option(rich_help_panel=METHOD, help="How keywords join the query; see docs/methods/genqr.md."),
    ] = "paper",
    mixing: Annotated[
        float, typer.Option(min=0, max=0.999, rich_help_panel=METHOD, help="mix: the keywords' share of the weight.")
    ] = 0.65,
    damping: Annotated[
        Literal["none", "sqrt", "log", "binary"],
        typer.Option(rich_help_panel=METHOD, help="mix: what repeated keywords count."),
    ] = "sqrt",
    max_terms: Annotated[int, typer.Option(min=1, rich_help_panel=METHOD, help="Most expansion terms.")] = 1024,
    fusion: Annotated[
        Literal["rrf", "combsum", "combmnz"], typer.Option(rich_help_panel=METHOD, help="fusion: how rankings join.")
    ] = "rrf",
    rrf_k: Annotated[float, typer.Option(rich_help_panel=METHOD, help="fusion rrf: its k; ranks count from 1.")] = 60,
    normalize: Annotated[
        Literal["none", "minmax", "zscore"],
        typer.Option(rich_help_panel=METHOD, help="fusion combsum, combmnz: what is done to scores first."),
    ] = "none",
    depth: Annotated[int, typer.Option(min=1, rich_help_panel=METHOD, help="Documents a ranking keeps.")] = 1000,
    feedback: Annotated[
        Literal["none", "pseudo", "oracle", "critic"],
        typer.Option(rich_help_panel=METHOD, help="Who chooses documents to show the solver; oracle reads --qrels."),
    ] = "none",
    feedback_k: Annotated[int, typer.Option(min=1, rich_help_panel=METHOD, help="Documents shown at most.")] = 5,
    critic: Annotated[
        str | None,
        typer.Option(
            envvar="DIKAST_CRITIC",
            metavar="SPEC",
            rich_help_panel=MODEL,
            help="Model that grades documents for --feedback critic; list+SPEC grades all in one call.",
        ),
    ] = None,
    critic_threshold: Annotated[
        int, typer.Option(min=0, max=3, rich_help_panel=METHOD, help="Lowest grade, 0 to 3, that counts as relevant.")
    ] = 2,
    critic_when_none: Annotated[
        Literal["none", "pseudo"],
        typer.Option(rich_help_panel=METHOD, help="What is shown where the critic finds nothing relevant."),
    ] = "none",
    measures: Annotated[str, typer.Option(rich_help_panel=METHOD, help="Measures, comma-separated.")] = MEASURES,
    limit: options.Limit = None,
    preview: options.Preview = None,
    dry_run: options.DryRun = False,
    force_new: options.ForceNew = False,
    concurrency: options.Concurrency = 16,
    cache: options.Cache = None,
    max_calls: options.MaxCalls = None,
    max_run_tokens: options.MaxTokens = None,
    max_seconds: options.MaxSeconds = None,
    max_cost: options.MaxCost = None,
    price: options.Price = None,
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Rewrite queries, search before and after, and compare.

    The same command again goes on where it stopped.
    """
    from dikast.agents.critic import load_critic
    from dikast.agents.models.default import default_model
    from dikast.agents.prompt import load_lines
    from dikast.agents.solver import load_solver
    from dikast.graphs import genqr
    from dikast.retrieval.oracle import QrelsOracle
    from dikast.retrieval.retriever import load_retriever
    from dikast.retrieval.sample import sample_files

    settings = {name: value for name, value in ctx.params.items() if name not in ("config", "json")}
    if collection == "sample":
        files = sample_files()
        corpus, topics, qrels = corpus or str(files.corpus), topics or str(files.topics), qrels or str(files.qrels)
    rows = read_queries(topics, columns, limit)
    spec = solver or model
    if spec is None:
        spec, why = default_model()
        say(f"model: {spec} ({why})")
    lines = load_lines(instructions or "genqr/instructions")
    context = genqr.Context(
        solver=load_solver(spec),
        retriever=load_retriever(retriever or corpus_spec(corpus, k1, b)),
        mode=mode,
        instructions=lines[:n],
        reply=reply,
        sampling=genqr.PAPER_SAMPLING.model_copy(
            update={
                "temperature": temperature,
                "top_p": top_p,
                "top_k": top_k,
                "repetition_penalty": repetition_penalty,
                "max_tokens": max_tokens,
                "seed": seed,
            }
        ),
        combination=combination,
        mixing=mixing,
        damping=damping,
        max_terms=max_terms,
        fusion=fusion,
        rrf_k=rrf_k,
        normalize=normalize,
        depth=depth,
        feedback=feedback,
        feedback_k=feedback_k,
        critic=load_critic(critic or spec) if feedback == "critic" else None,
        critic_threshold=critic_threshold,
        critic_when_none=critic_when_none,
        oracle=QrelsOracle(required(qrels)) if feedback == "oracle" else None,
    )
    judged = read_judgments(qrels, rows)
    running = Running(out, concurrency, cache, max_calls, max_run_tokens, max_seconds, max_cost, price, force_new)
    if dry_run:
        estimate(rows, context, running, json)
        return
    if preview:
        show_preview(rows, context, running, preview, json)
        return
    summary = running.run(genqr.graph, rows, context, {**settings, "qrels": qrels})
    report(out, judged, [name.strip() for name in measures.split(",")], json, summary)
    tell(summary)
    raise typer.Exit(summary.exit_code)


def corpus_spec(corpus: str | None, k1: float, b: float) -> str:
    """The retriever's spec for `--corpus`."""
    if corpus is None:
        raise UsageError("nothing to search", hint="give --corpus FILE, --retriever SPEC, or --collection sample")
    return f"bm25:{corpus}?k1={k1}&b={b}"


def required(qrels: str | None) -> str:
    """The judgments' file, which an oracle cannot do without."""
    if qrels is None:
        raise UsageError("--feedback oracle needs judgments", hint="give --qrels FILE")
    return qrels


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
    """Print what the run would ask and cost; ask nothing."""
    from dikast.graphs import genqr
    from dikast.jobs.trial import estimate as job_estimate

    found = job_estimate(genqr.graph, rows, context, running.out)
    calls = found.owed * len(context.instructions)
    texts = [
        message["content"]
        for row in rows
        for instruction in context.instructions
        for message in context.prompt.render(
            {"instruction": instruction, "query": row["query"], "form": genqr.FORMS[context.reply]}
        )
    ]
    share = found.owed / found.asked if found.asked else 0
    input_tokens = round(share * sum(map(len, texts)) / CHARACTERS_PER_TOKEN)
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


def show_preview(rows: list[dict[str, str]], context: Context, running: Running, n: int, as_json: bool) -> None:
    """Run a few rows and print them whole."""
    from dikast.cli.story import tell_story
    from dikast.graphs import genqr
    from dikast.jobs.trial import preview

    for row in finish(preview(genqr.graph, rows, context, n, cache=running.request_cache())):
        if as_json:
            emit(row)
        else:
            tell_story(row, genqr.graph.name)


def report(out: Path, qrels: Qrels, measures: list[str], as_json: bool, summary: Summary) -> None:
    """Write the run files, score before and after, print the comparison."""
    from dikast.jobs.reading import Run
    from dikast.retrieval.compare import compare
    from dikast.retrieval.trec import write_run

    folder = out / "export"
    folder.mkdir(exist_ok=True)
    runs = rankings(Run.open(out))
    for name, ranking in runs.items():
        write_run(folder / f"{name}.run", ranking, name)
    compared = compare(qrels, runs, baseline="before", measures=measures) if qrels else []
    if as_json:
        emit({"summary": summary.as_dict(), "comparison": [asdict(row) for row in compared], "folder": str(out)})
    elif compared:
        tell_comparison(compared)
    unscored = sum(row.asked - row.scored for row in compared[1:2])
    if unscored:
        say(f"note: {unscored} judged queries have no ranking after; they count as 0")


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
