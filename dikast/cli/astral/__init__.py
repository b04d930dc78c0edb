"""`dikast astral`: plan safety tests, measure the oracle, report; `run` is made from the method."""

from __future__ import annotations

import typer

from dikast.cli.astral import plan, results

app = typer.Typer()

app.command()(plan.plan)
app.command()(results.calibrate)
app.command()(results.report)
