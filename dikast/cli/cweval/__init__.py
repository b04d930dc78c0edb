"""`dikast cweval`: what there is beside the jobs of the method: check tasks, report on runs."""

from __future__ import annotations

import typer

from dikast.cli.cweval.check import check
from dikast.cli.cweval.results import report

app = typer.Typer(no_args_is_help=True)
app.command("check")(check)
app.command("report")(report)
