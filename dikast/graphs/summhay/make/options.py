"""Flags of `dikast summhay make` that are no field of its context: what haystacks are about, and how many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from dikast.errors import UsageError
from dikast.flags import Flag
from dikast.graphs.method import OPTIONS, Given, Row
from dikast.graphs.summhay.make.context import Context

if TYPE_CHECKING:
    from dikast.graphs.summhay.make.records import Content


class Options(BaseModel):
    """Make haystacks: documents of which it is known what each of them says, checked, in SummHay's file schema.

    With --plan and --writer template no model is asked at all.
    """

    model_config = OPTIONS

    topic: Annotated[str | None, Flag(metavar="TEXT")] = None
    """What the haystack is about; a model thinks up subtopics and insights."""
    plan: Annotated[Path | None, Flag(metavar="FILE.toml")] = None
    """Topic, subtopics and insights of your own, in place of --topic; a run writes such files, too."""
    haystacks: int = Field(default=1, ge=1)
    """How many, each with the next seed."""


def make_fields(options: Options, given: Given) -> Mapping[str, Any]:
    """The solver, where there is no plan.

    Raises:
        UsageError: Neither a topic nor a plan is given, or both.
    """
    if (options.plan is None) == (not (options.topic or "").strip()):
        raise UsageError("nothing to make a haystack of, or too much", hint="give --topic TEXT, or --plan FILE.toml")
    if options.plan is not None:
        return {"solver": None}
    return {"solver": given.fields.get("solver") or given.model()}


def read_rows(options: Options, context: Context) -> list[Row]:
    """One row a haystack.

    Raises:
        UsageError: No planting plan keeps to the bounds.
        DataError: The plan is wrong; says file and field.
    """
    content = read_plan(options.plan, context) if options.plan is not None else None
    refuse_bounds(context, content)
    base: dict[str, Any] = {"topic": content["topic"] if content else (options.topic or "").strip()}
    base |= {"content": content} if content else {}
    return [{**base, "seed": context.seed + number} for number in range(options.haystacks)]


def read_plan(path: Path, context: Context) -> Content:
    """A plan's content, checked by the rules that hold for a model's insights, too."""
    from dikast.graphs.summhay.make.content import read_content
    from dikast.graphs.summhay.make.criticising import refuse_content

    content = read_content(path)
    refuse_content(content, context.specific, path)
    return content


def refuse_bounds(context: Context, content: Content | None) -> None:
    """Tell at once what no plan can keep to, before any model is asked.

    Raises:
        UsageError: There is such a bound.
    """
    from dikast.graphs.summhay.make.planting import refuse_impossible
    from dikast.graphs.summhay.make.tasks import bounds_of, tokens_in

    # How long a model's insights will be, nobody knows: one token each, so that only their number counts.
    tokens = tokens_in(content) if content else [1] * (context.subtopics * context.insights)
    refuse_impossible(tokens, bounds_of(context))


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterable[str]:
    """What a plan makes superfluous, which of its insights come near to another, and what dropping means."""
    from dikast.graphs.summhay.make.criticising import close_calls

    if options.plan is not None and (near := close_calls(next(iter(rows))["content"])):
        field, reason = near[0]
        yield f"note: {len(near)} insights come near to another, and may be taken for it: {field}: {reason}"
    if options.plan is not None and {"subtopics", "insights", "domain", "participants"} & context.model_fields_set:
        yield "note: subtopics, insights, domain and participants are the plan's"
    if context.on_failure == "drop":
        yield "note: documents that stay faulty are dropped; insights may then be in fewer documents than planned"
