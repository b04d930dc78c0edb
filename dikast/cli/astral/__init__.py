"""`dikast astral`: plan safety tests, measure the oracle, report, compare; `run` is made from the method."""

from __future__ import annotations

import typer

from dikast.cli.astral import against, plan, results

app = typer.Typer()

app.command()(plan.plan)
app.command()(results.calibrate)
app.command()(results.report)
app.command()(against.compare)
