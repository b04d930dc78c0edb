"""The report of a run whose rows were asked several times, whatever its method: no method has to know of epochs.

    report = report_of(method, Run.open(path), context)

A method's own report counts rows, and its intervals take them for independent, which the epochs of a row are not: so it
is made of the first epoch alone, with the files beside it. What all epochs say stands below it: for each number in the
rows' outputs, and for the measure that the method scores its rows by, what the reducers of `--reducer` make of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dikast.errors import UsageError
from dikast.evaluation.reducers import parse_reducers
from dikast.graphs.method import Method, Report
from dikast.jobs.epochs import page_of, read_epochs
from dikast.jobs.reading import Run
from dikast.pages import Page, Text

SETTING = "reducer"
"""The setting of a run that names its reducers."""
DEFAULT = "mean"


def report_of(method: Method, run: Run, context: Any) -> Report | None:
    """What a run amounts to; `None` where its rows were asked once and its method has no report.

    Raises:
        UsageError: The run's settings name a reducer that is none.
    """
    epochs = run.manifest.samples
    if epochs == 1:
        return method.report(run, context) if method.report else None
    reducers = parse_reducers(str(run.manifest.settings.get(SETTING) or DEFAULT))
    measured, notes = measured_by(method, run, context)
    found = read_epochs(run, reducers, measured)
    told = page_of(found)
    data: dict[str, Any] = {"epochs": found.as_dict()}
    notes += (found.note,) if found.note else ()
    if method.report is None:
        return Report(told, data, notes)
    first = method.report(run.of_epoch(0), context)
    about = f"epoch 1 of {epochs}; the files in export are of it, too"
    page = Page(
        first.page.title, (Text(about, "heading"), *first.page.parts, Text("all epochs", "heading"), *told.parts)
    )
    return Report(page, {**first.data, **data}, (*first.notes, *notes))


def measured_by(
    method: Method, run: Run, context: Any
) -> tuple[Mapping[str, list[Mapping[str, float]]], tuple[str, ...]]:
    """The measure that the method scores its rows by, epoch by epoch; and why there is none, where it needs more."""
    if not (method.score and method.measures):
        return {}, ()
    values_of = method.measures(method.score)
    try:
        values = [values_of(run.of_epoch(epoch), context) for epoch in range(run.manifest.samples)]
    except UsageError as error:  # judgments that the run was not given
        return {}, (f"{method.score} of the epochs is not known: {error.message}",)
    return {method.score: values}, ()
