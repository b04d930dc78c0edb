"""`dikast genqr run`: rewrite the queries of a topics file, search before and after, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dikast.cli import genqr_options as own
from dikast.cli import options
from dikast.cli.output import emit, say
from dikast.cli.running import Running, tell
from dikast.errors import UsageError

app = typer.Typer(no_args_is_help=True, help="Rewrite queries by instruction ensembles, search before and after.")


@app.command()
def run(
    ctx: typer.Context,
    out: options.Out = Path("runs/genqr"),
    corpus: own.Corpus = None,
    topics: own.Topics = None,
    qrels: own.QrelsFile = None,
    collection: own.Collection = None,
    columns: own.Columns = None,
    retriever: own.RetrieverSpec = None,
    k1: own.K1 = 0.9,
    b: own.B = 0.4,
    model: options.Model = None,
    solver: own.SolverSpec = None,
    critic: own.CriticSpec = None,
    judge: own.JudgeSpec = None,
    seed: options.Seed = 0,
    temperature: own.Temperature = 1.0,
    top_p: own.TopP = 0.92,
    top_k: own.TopK = 200,
    repetition_penalty: own.RepetitionPenalty = 1.2,
    max_tokens: own.MaxReplyTokens = 40,
    method: own.Method = None,
    mode: own.Mode = "ensemble",
    instructions: own.Instructions = None,
    n: own.Number = None,
    samples: own.Samples = 1,
    reply: own.ReplyForm = "text",
    combination: own.Combination = "paper",
    mixing: own.Mixing = 0.65,
    damping: own.Damping = "sqrt",
    repeats: own.Repeats = 5,
    max_terms: own.MaxTerms = 1024,
    fusion: own.Fusion = "rrf",
    rrf_k: own.RrfK = 60,
    normalize: own.Normalize = "none",
    weights: own.Weights = None,
    with_original: own.WithOriginal = False,
    depth: own.Depth = 1000,
    fluent: own.Fluent = False,
    distinct: own.Distinct = None,
    select: own.Select = "none",
    keep: own.Keep = 1,
    select_weights: own.SelectWeights = None,
    feedback: own.Feedback = "none",
    feedback_k: own.FeedbackK = 5,
    feedback_pool: own.FeedbackPool = 10,
    feedback_tokens: own.FeedbackTokens = 1000,
    critic_threshold: own.CriticThreshold = 2,
    critic_when_none: own.CriticWhenNone = "none",
    measures: own.Measures = "nDCG@10,MAP,R@100",
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
    from dikast.agents.models.default import default_model
    from dikast.cli.genqr_context import make_context
    from dikast.cli.genqr_human import run_with_a_person
    from dikast.cli.genqr_learn import note_learnt
    from dikast.cli.genqr_report import estimate, read_judgments, read_queries, report, show_preview
    from dikast.graphs import genqr
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
    context = make_context(ctx, {**ctx.params, "corpus": corpus, "qrels": qrels}, spec)
    judged = read_judgments(qrels, rows)
    if select_weights is not None:
        note_learnt(select_weights, rows)
    running = Running(out, concurrency, cache, max_calls, max_run_tokens, max_seconds, max_cost, price, force_new)
    if dry_run:
        estimate(rows, context, running, json)
        return
    if context.feedback == "human":
        if preview:
            raise UsageError("--preview asks nobody", hint="leave it out, or take another --feedback")
        summary = run_with_a_person(running, rows, context, {**settings, "qrels": qrels})
    elif preview:
        show_preview(rows, context, running, preview, json)
        return
    else:
        summary = running.run(genqr.graph, rows, context, {**settings, "qrels": qrels})
    report(out, judged, [name.strip() for name in measures.split(",")], json, summary, context.feedback)
    tell(summary)
    raise typer.Exit(summary.exit_code)


@app.command()
def plot(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders of dikast genqr run.")],
    qrels: own.QrelsFile = None,
    measure: Annotated[str, typer.Option(help="The measure that is drawn.")] = "nDCG@10",
    form: Annotated[Literal["svg", "png", "both"], typer.Option("--as", help="Form of the figures.")] = "svg",
    json: options.Json = False,
) -> None:
    """Draw per-query differences, the number of instructions, and ways of fusion, with their numbers; asks no model.

    Written into RUN/export/plots. Judgments are the run's own, unless --qrels names others.
    """
    from dikast.cli.genqr_plot import plot_run

    forms = ("svg", "png") if form == "both" else (form,)
    written = {str(run): plot_run(run, qrels, measure, forms) for run in runs}
    if json:
        emit(written)


@app.command()
def learn(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder of dikast genqr run.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Where the weights go, as JSON.")],
    qrels: own.QrelsFile = None,
    json: options.Json = False,
) -> None:
    """Learn from a run's judged queries how --select evidence chooses, for other queries; asks no model.

    Without it, weights are used that were learnt on scientific claims.
    """
    from dikast.cli.genqr_learn import learn_weights

    told = learn_weights(run, qrels, out)
    if json:
        emit(told)
