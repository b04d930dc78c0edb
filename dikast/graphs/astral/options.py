"""Flags of `dikast astral run` that are no field of its context: cases, examples, a policy, and by what right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel

from dikast.disk import refused
from dikast.errors import DataError, UsageError
from dikast.flags import Flag
from dikast.graphs.astral.context import Context
from dikast.graphs.astral.roles import NOWHERE, REFUSAL_ONLY
from dikast.graphs.method import OPTIONS, Given, Row

if TYPE_CHECKING:
    from dikast.graphs.astral.suite import Plan


class Options(BaseModel):
    """Write the tests that lack a prompt, put all to the targets, judge the replies.

    Replies that are not judged safe are in RUN/withheld.jsonl alone, which only you can read; --cache holds what the
    generator wrote, never what a target or an oracle says.
    """

    model_config = OPTIONS

    cases: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Plan, or suite with prompts: JSON lines, JSON, CSV, TSV, Parquet."""
    benign: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Harmless prompts that ought to be answered: over-refusal."""
    columns: Annotated[str | None, Flag(metavar="OURS=THEIRS,...")] = None
    """Names in your suites: prompt=text,id=n,category=topic."""
    axes: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Axes of your own, TOML or JSON: of a suite, or alone, for a test of each cell; a plan says its own."""
    examples: Annotated[Path | None, Flag(metavar="FILE")] = None
    """Your own test prompts, shown to the generator."""
    authority: Annotated[str | None, Flag(metavar="TEXT")] = None
    """By what right you test these targets; recorded."""
    policy: Annotated[Path | None, Flag(metavar="FILE", panel="Method")] = None
    """What is unsafe, in your words, for the oracle."""

    @cached_property
    def plan(self) -> Plan:
        """All cases: prompts that nearly repeat another are told, and asked like the others.

        Raises:
            UsageError: Neither file is given.
            DataError: A file is wrong, or both have a case of the same id.
        """
        from dikast.evaluation.axes import DEFAULT_AXES, read_axes
        from dikast.evaluation.diversity import NearDuplicates
        from dikast.graphs.astral.suite import leave_out_closed, make_plan, read_plan
        from dikast.rows import parse_columns

        NearDuplicates()  # a missing extra is told now, and not when the run is over
        ours = parse_columns(self.columns)
        axes = read_axes(self.axes) if self.axes else DEFAULT_AXES
        read = [read_plan(self.cases, axes=axes, columns=ours)] if self.cases else []
        harmless = [read_plan(self.benign, axes=axes, columns=ours, benign=True)] if self.benign else []
        if not (read or harmless) and self.axes:
            read = [make_plan(leave_out_closed(axes, ()), strength=None)]
        if not (read or harmless):
            hint = "give --cases FILE (from 'dikast astral plan -o FILE', or a suite), --axes FILE, or --benign"
            raise UsageError("no cases", hint=hint)
        left_out = {
            f"{name} of {path}": why
            for parts, path in ((read, self.cases), (harmless, self.benign))
            for part in parts
            for name, why in part.left_out.items()
        }
        cases = [case for part in (*read, *harmless) for case in part.cases]
        whole = replace((read or harmless)[0], cases=cases, left_out=left_out)
        twice = len(whole.cases) - len({case["id"] for case in whole.cases})
        if twice:
            raise DataError(f"{twice} ids are those of cases in {self.cases}, too", path=self.benign, field="id")
        return whole


def make_fields(options: Options, given: Given) -> Mapping[str, Any]:
    """Who writes and judges, where unsafe texts go, and by what right.

    Raises:
        UsageError: There is no target, or none may be tested.
        DataError: A file is broken.
    """
    targets = given.fields.get("targets")
    if not targets:
        raise UsageError("nothing to test", hint="give --target SPEC, a system that you own")
    lacking = any(not case.get("prompt") for case in options.plan.cases)
    found: dict[str, Any] = {
        "generator": (given.fields.get("generator") or given.model()) if lacking else None,
        "examples": f"examples:{options.examples}" if options.examples and lacking else None,
        "news": given.fields.get("news") if lacking else None,
        "vault": f"file:{given.out.resolve() / 'withheld.jsonl'}" if given.keeps else NOWHERE,
        "authority": collect_authorities(targets, options.authority, given),
        "meanings": options.plan.axes.describe if lacking else {},
    }
    return found | ({"policy": read_policy(options.policy)} if options.policy else {})


def collect_authorities(targets: Sequence[str], stated: str | None, given: Given) -> dict[str, str]:
    """Target -> by what right it is tested: as recorded in the run folder, as given, or as a person says now.

    Raises:
        UsageError: A target has no statement, and nobody can be asked.
    """
    from dikast.jobs.manifest import NAME, read_manifest

    known: dict[str, str] = {}
    if (given.out / NAME).exists() and not given.force_new:
        known = dict(read_manifest(given.out).context.get("authority", {}))
    for target in targets:
        if target in known:
            continue
        said = stated or (given.ask(f"By what right do you test {target}?") if given.ask else "")
        if not said.strip():
            hint = 'say by what right: --authority "we operate this service"; it is recorded in the manifest'
            raise UsageError(f"{target}: only who owns a system, or is entitled by its owner, may test it", hint=hint)
        known[target] = said.strip()
    return {target: known[target] for target in targets}


def refuse_closed(cases: Sequence[Row], opt_in: Iterable[str]) -> None:
    """Tell at once that cases need an opt-in, rather than at the first of them."""
    shut = REFUSAL_ONLY - set(opt_in)
    cells: list[Mapping[str, str]] = [case.get("cell") or {} for case in cases]
    found = [cell for cell in cells if shut.intersection(cell.values())]
    if found:
        category = next(value for value in found[0].values() if value in shut)
        hint = f"leave them out, or if you are entitled to them: --opt-in {category}; no reply is kept of them"
        raise UsageError(f"{len(found)} cases are of a category that needs an opt-in: {category}", hint=hint)


def read_policy(path: Path) -> str:
    """What is unsafe, in an operator's words.

    Raises:
        DataError: The file cannot be read, or is empty.
    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise refused(error, path) from error
    except UnicodeDecodeError as error:
        raise DataError(f"cannot be read: {error}", path=path, hint="save the file as UTF-8") from error
    if not text:
        raise DataError("no policy", path=path, hint="say in a few sentences what is unsafe")
    return text


def read_cases(options: Options, context: Context) -> list[Row]:
    """The rows of the job: each case for each target."""
    from dikast.graphs.astral.suite import rows_for

    return [dict(row) for row in rows_for(options.plan, [target.spec for target in context.targets])]


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterable[str]:
    """What of the files is no case, and which prompts nearly repeat another.

    Raises:
        UsageError: A case needs an opt-in that was not given.
    """
    from dikast.graphs.astral.suite import near_repeats

    asked = {str(row["id"]): row for row in rows}
    refuse_closed(list(asked.values()), context.opt_in)
    for name, why in options.plan.left_out.items():
        yield f"left out: {name}: {why}"
    if close := near_repeats([case for case in options.plan.cases if case["id"] in asked]):
        first = next(iter(close.items()))
        yield f"note: {len(close)} prompts nearly repeat another ({first[0]} repeats {first[1]}, ...); all are asked"


async def facts(options: Options, context: Context) -> Mapping[str, Any]:
    """The space that the cases are of, for reports on the run."""
    del context
    return {"axes_of_cases": options.plan.axes.as_json(), "strength_of_cases": options.plan.strength}
