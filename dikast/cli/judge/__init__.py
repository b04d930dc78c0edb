"""`dikast judge`: measure judges against people, report, and trade files with other tools; `run` is the method's."""

from __future__ import annotations

import typer

from dikast.cli.judge import files, measure

app = typer.Typer()

app.command()(measure.calibrate)
app.command()(measure.report)
app.command("import")(files.import_files)
app.command()(files.export)
