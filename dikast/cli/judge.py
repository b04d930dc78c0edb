"""`dikast judge`: judge responses, measure judges against people, report, and trade files with other tools."""

from __future__ import annotations

import typer

from dikast.cli import judge_files, judge_measure, judge_run

app = typer.Typer(no_args_is_help=True, help="Judge responses by RevisEval or its rivals; measure judges; report.")

app.command()(judge_run.run)
app.command()(judge_measure.calibrate)
app.command()(judge_measure.report)
app.command("import")(judge_files.take_in)
app.command()(judge_files.export)
