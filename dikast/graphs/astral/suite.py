"""Cases of a safety test in files: a plan (cells to write tests for) or a suite (tests that are there), one format.

    plan = make_plan(DEFAULT_AXES, strength=2, quota=1)
    write_plan("plan.jsonl", plan)
    suite = read_plan("suite.jsonl")          # {"id", "prompt", "category", "style", "technique"} a line

The first line of a plan is its header: axes, strength, seed. A file without one is a suite of the user's own, with axes
as columns, or a report of garak's, of which the prompts are taken.

Not here: choosing cells (`dikast.evaluation.covering`, `allocation`); other tools' files
(`dikast.evaluation.interchange`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, NotRequired, cast

from typing_extensions import TypedDict

from dikast.errors import DataError, UsageError
from dikast.evaluation.axes import DEFAULT_AXES, Axes, Cell
from dikast.evaluation.covering import plan as plan_cells
from dikast.evaluation.diversity import NearDuplicates
from dikast.evaluation.interchange.garak import read_garak
from dikast.evaluation.interchange.suite import SuiteItem, read_suite
from dikast.files import write_jsonl
from dikast.graphs import astral
from dikast.graphs.astral import vault
from dikast.row import Row
from dikast.rows import read_rows

CELL = "cell"
HEADER = "axes"


class Case(TypedDict):
    """A case, whoever its target is; see `astral.Input`."""

    id: str
    cell: NotRequired[dict[str, str]]
    prompt: NotRequired[str]
    sample: NotRequired[int]
    benign: NotRequired[bool]


@dataclass(frozen=True)
class Plan:
    """Cases, and the space that they are of.

    Args:
        cases: In the order in which to run them.
        axes: The space.
        strength: How many axes at a time the plan was to cover; `None` for the full product.
        seed: That chose among equal plans.
    """

    cases: Sequence[Case]
    axes: Axes = DEFAULT_AXES
    strength: int | None = None
    seed: int = 0
    repeats: dict[str, str] = field(default_factory=dict[str, str])
    """Generated cases left out -> the case whose prompt they nearly repeat."""
    left_out: dict[str, str] = field(default_factory=dict[str, str])
    """What of another tool's file is no case -> why."""

    @property
    def cells(self) -> list[Cell]:
        """The cells of the cases, benign ones left out."""
        return [cell for case in self.cases if (cell := case.get("cell")) and not case.get("benign")]


def make_plan(axes: Axes, *, strength: int | None, quota: int = 1, seed: int = 0, budget: int | None = None) -> Plan:
    """A plan for a space; see `dikast.evaluation.covering.plan`."""
    cells = plan_cells(axes, strength=strength, quota=quota, seed=seed, budget=budget)
    return Plan(cases_of(cells), axes, strength, seed)


def cases_of(cells: Iterable[Cell], prefix: str = "c") -> list[Case]:
    """A case for each cell, those of one cell told apart by their sample."""
    seen = Counter[tuple[tuple[str, str], ...]]()
    made: list[Case] = []
    for number, cell in enumerate(cells, start=1):
        key = tuple(cell.items())
        made.append(Case(id=f"{prefix}{number:05}", cell=dict(cell), sample=seen[key]))
        seen[key] += 1
    return made


def leave_out_closed(axes: Axes, opt_in: Collection[str]) -> Axes:
    """The space without the categories that need an opt-in and have none.

    Raises:
        UsageError: `opt_in` names a category that needs none.
    """
    if foreign := sorted(set(opt_in) - vault.REFUSAL_ONLY):
        known = "; ".join(sorted(vault.REFUSAL_ONLY))
        raise UsageError(f"opt_in: {foreign[0]!r:.80} needs none", hint=f"those that do: {known}")
    shut = vault.REFUSAL_ONLY - set(opt_in)
    rules = [
        {axis: tuple(value for value in values if value in shut)}
        for axis, values in axes.values.items()
        if shut.intersection(values)
    ]
    return replace(axes, exclude=(*axes.exclude, *rules)) if rules else axes


def write_plan(path: str | Path, plan: Plan) -> None:
    """Write a plan; the same plan gives the same bytes.

    Raises:
        DataError: The file cannot be written.
    """
    header = {HEADER: plan.axes.as_json(), "strength": plan.strength, "seed": plan.seed}
    write_jsonl(path, [header, *(cast(dict[str, object], case) for case in plan.cases)])


def read_plan(
    path: str | Path, *, axes: Axes = DEFAULT_AXES, columns: Mapping[str, str] | None = None, benign: bool = False
) -> Plan:
    """Read a plan, a suite of one's own (`dikast.evaluation.interchange.suite`), or the prompts of a garak report.

    Args:
        path: A file that `dikast.rows` reads.
        axes: The space of a suite; a plan says its own.
        columns: Our names to a suite's own.
        benign: Whether all of its prompts ought to be answered.

    Raises:
        UsageError: `columns` for a file that is no suite, or of a name that is none of ours.
        DataError: A record is none; says file, line and field.
    """
    first = next(iter(read_rows(path)), None)
    known = first is not None and (HEADER in first.values or "entry_type" in first.values)
    if columns and known:
        raise UsageError(f"{path}: a plan or garak's report has names of its own", hint="--columns is for your suites")
    if first is not None and HEADER in first.values:
        read = _read_own(path, first)
    elif first is not None and "entry_type" in first.values:
        read = _from_garak(path, axes)
    else:
        read = Plan([_from_suite(item) for item in read_suite(path, axes, columns)], axes)
    return replace(read, cases=[_completed(case, {}, "", benign) for case in read.cases])


def _read_own(path: str | Path, header: Row) -> Plan:
    axes = axes_from(header.values[HEADER], path)
    strength, cases, lines = header.values.get("strength"), list[Case](), dict[str, str]()
    for record in islice(read_rows(path), 1, None):
        case = _read_case(record, axes)
        if case["id"] in lines:
            raise record.error("id", f"{case['id']!r} already stands on {lines[case['id']]}")
        lines[case["id"]] = record.where
        cases.append(case)
    return Plan(cases, axes, strength if isinstance(strength, int) else None)


def _read_case(record: Row, axes: Axes) -> Case:
    case = Case(id=record.text("id"), sample=int(record.number("sample")) if "sample" in record.values else 0)
    cell = {axis: record.child(CELL).text(axis) for axis in record.child(CELL).values} if CELL in record.values else {}
    try:
        allowed = axes.allowed(cell)
    except UsageError as error:
        raise record.error(CELL, error.message, error.hint) from error
    if not allowed:
        raise record.error(CELL, "the axes exclude this cell")
    prompt = record.text("prompt", default="")
    if not prompt.strip() and not cell:
        raise record.error(
            "prompt", "neither a prompt nor a cell", "give the case a prompt, or a cell to write one for"
        )
    return _completed(case, cell, prompt, record.values.get("benign") is True)


def _completed(case: Case, cell: Cell, prompt: str, benign: bool) -> Case:
    """Add to a case those of these fields that have a value."""
    if cell:
        case["cell"] = dict(cell)
    if prompt.strip():
        case["prompt"] = prompt
    if benign:
        case["benign"] = True
    return case


def _from_suite(item: SuiteItem) -> Case:
    return _completed(Case(id=item.id), item.cell, item.prompt, item.benign)


def _from_garak(path: str | Path, axes: Axes) -> Plan:
    """One case an attempt; garak's outputs are another run's, and not taken."""
    outputs = read_garak(path).outputs
    prompts = {output.attempt: output.prompt for output in outputs if output.prompt.strip()}
    left_out = {output.attempt: output.odd or "no prompt" for output in outputs if output.attempt not in prompts}
    return Plan([Case(id=attempt, prompt=prompt) for attempt, prompt in prompts.items()], axes, left_out=left_out)


def axes_from(value: object, path: str | Path) -> Axes:
    """The axes in a plan's header.

    Raises:
        DataError: They are none.
    """
    parts = cast(dict[str, Any], value) if isinstance(value, dict) else {}
    try:
        values = {str(axis): tuple(map(str, of)) for axis, of in parts[HEADER].items()}
        rules = tuple({str(axis): tuple(of) for axis, of in rule.items()} for rule in parts.get("exclude", ()))
        return Axes(values, rules, parts.get("weights", {}), parts.get("describe", {}))
    except (LookupError, TypeError, AttributeError, UsageError) as error:
        hint = "write plans with 'dikast astral plan -o FILE'"
        raise DataError(f"not a plan's header: {error}", path=path, line=1, field=HEADER, hint=hint) from error


def near_repeats(cases: Iterable[Case]) -> dict[str, str]:
    """Case -> the earlier case whose prompt it nearly repeats (MinHash); cases without a prompt are none.

    Raises:
        MissingExtraError: `datasketch` is not installed.
    """
    seen, repeats = NearDuplicates(), dict[str, str]()
    for case in cases:
        prompt = case.get("prompt")
        first = seen.add(case["id"], prompt) if prompt else None
        if first is not None:
            repeats[case["id"]] = first
    return repeats


def without_repeats(plan: Plan, generated: Collection[str]) -> Plan:
    """The plan without tests that a generator wrote and that nearly repeat another; what was given stays.

    Somebody who gives twenty prompts that differ by a word wants twenty asked: templates are how suites are made.

    Args:
        plan: Its cases, in order.
        generated: The cases whose prompts a generator wrote: no other is left out.

    Raises:
        MissingExtraError: `datasketch` is not installed.
    """
    given_first = sorted(plan.cases, key=lambda case: case["id"] in generated)
    repeats = {case: first for case, first in near_repeats(given_first).items() if case in generated}
    return replace(plan, cases=[case for case in plan.cases if case["id"] not in repeats], repeats=repeats)


def rows_for(plan: Plan, targets: Iterable[str]) -> list[astral.Input]:
    """The rows of a job: each case for each target, all targets of a case together."""
    names = list(targets)
    return [astral.Input(**case, target=target) for case in plan.cases for target in names]
