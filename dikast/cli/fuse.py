"""`dikast fuse`: several TREC runs into one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal

import typer

from dikast.cli.options import Json, refuse_given
from dikast.cli.output import emit, say
from dikast.errors import UsageError
from dikast.spec_options import parse_numbers

app = typer.Typer(help="Fuse TREC run files.")


@app.command()
def fuse(
    ctx: typer.Context,
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Two or more TREC run files.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="The fused run.")],
    method: Annotated[Literal["rrf", "combsum", "combmnz"], typer.Option(help="How rankings join.")] = "rrf",
    rrf_k: Annotated[float, typer.Option(help="rrf: its k; ranks count from 1.")] = 60,
    normalize: Annotated[
        Literal["minmax", "zscore", "none"], typer.Option(help="combsum, combmnz: what is done to scores first.")
    ] = "minmax",
    weights: Annotated[str | None, typer.Option(metavar="W,W,...", help="One weight a run.")] = None,
    depth: Annotated[int, typer.Option(min=1, help="Documents of each ranking that count, and that are kept.")] = 1000,
    tag: Annotated[str, typer.Option(help="The run's name, in its last column.")] = "fused",
    json: Json = False,
) -> None:
    """Fuse TREC runs query by query. A run that lacks a query adds nothing to it."""
    from dikast.retrieval.files import check_output
    from dikast.retrieval.fusion import combmnz, combsum, fuse_runs, rrf
    from dikast.retrieval.retriever import Hit
    from dikast.retrieval.trec import check_word, read_run, write_run

    if len(runs) < 2:
        raise UsageError("give two runs or more")
    if method == "rrf":
        refuse_given(ctx, "normalize", why="--method rrf looks at ranks alone", hint="take combsum or combmnz")
    else:
        refuse_given(ctx, "rrf_k", why=f"--method {method} adds scores", hint="take --method rrf")
    shares = parse_weights(weights, len(runs))

    def join(rankings: list[list[Hit]]) -> list[Hit]:
        if method == "rrf":
            return rrf(rankings, k=rrf_k, weights=shares, depth=depth)[:depth]
        add = combsum if method == "combsum" else combmnz
        return add(rankings, normalize=normalize, weights=shares, depth=depth)[:depth]

    check_word("tag", tag)
    check_output(out)
    join([[] for _ in runs])  # has fusion refuse what it would refuse once all is read

    fused = fuse_runs([read_run(path) for path in runs], lambda rankings: join([list(one) for one in rankings]))
    write_run(out, fused, tag)
    if json:
        emit({"queries": len(fused), "runs": len(runs), "method": method, "wrote": str(out)})
    say(f"{len(fused)} queries from {len(runs)} runs by {method}: {out}")


def parse_weights(text: str | None, count: int) -> list[float] | None:
    """Read `--weights`.

    Raises:
        UsageError: Not one finite number a run.
    """
    if text is None:
        return None
    try:
        weights = parse_numbers(text)
    except ValueError as error:
        raise UsageError(f"--weights {text!r}: write numbers, comma-separated") from error
    if len(weights) != count:
        raise UsageError(f"--weights {text!r}: {len(weights)} weights for {count} runs")
    if not all(map(math.isfinite, weights)):
        raise UsageError(f"--weights {text!r}: each has to be a finite number")
    return weights
