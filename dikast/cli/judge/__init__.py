"""`dikast judge`: measure judges, report, rank systems, trade files with other tools; `run` is the method's."""

from __future__ import annotations

import typer

from dikast.cli.judge import files, leaderboard, measure, references

app = typer.Typer()

app.command()(measure.calibrate)
app.command()(measure.report)
app.command()(leaderboard.leaderboard)
app.command()(references.references)
app.command("import")(files.import_files)
app.command()(files.export)
