"""`dikast summhay`: what there is beside the jobs of the method: score and report."""

from __future__ import annotations

import typer

from dikast.cli.summhay.results import report, score

app = typer.Typer(no_args_is_help=True)
app.command("score")(score)
app.command("report")(report)
