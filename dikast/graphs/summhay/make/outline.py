"""A topic's subtopics and insights, thought up by the solver: what it is asked, and what is made of its replies.

It is asked for what is lacking: at first for all subtopics and, for each, all insights; again, with what is accepted
shown to it, for the rest. What it says is data: it is checked by a schema, and fenced where it goes into a prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from dikast.agents.critic import schema_of
from dikast.agents.failures import CALL_FAILURES, failure_of
from dikast.agents.models.request import Structured
from dikast.agents.prompt import load_prompt
from dikast.agents.roles import Solver
from dikast.errors import UsageError
from dikast.fence import fence
from dikast.graphs.summhay.make.content import fields_of, insights_of, name_of
from dikast.graphs.summhay.make.context import Context
from dikast.graphs.summhay.make.criticising import distinct, rejections
from dikast.graphs.summhay.make.records import Content, Failure, PlannedInsight, PlannedSubtopic, Rejected
from dikast.graphs.summhay.make.roles import Review
from dikast.graphs.summhay.make.together import together
from dikast.graphs.summhay.make.writers import NONE
from dikast.records import Outcome
from dikast.reply_json import whole_object

FORMS = {"news": "news articles", "conversation": "conversations between several people"}
LONGEST_NAME = 80
"""Characters of a name that are kept."""

Form = TypeVar("Form", bound=BaseModel)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Subtopic(_Part):
    name: str
    subtopic: str
    query: str


class _Subtopics(_Part):
    subtopics: list[_Subtopic]


class _Insight(_Part):
    name: str
    insight: str


class _Insights(_Part):
    insights: list[_Insight]


def solver_of(context: Context) -> Solver:
    """The solver.

    Raises:
        UsageError: There is none.
    """
    if context.solver is None:
        raise UsageError("nobody to think up subtopics and insights", hint="give a solver, or a plan with all of them")
    return context.solver


def bare(subtopic: PlannedSubtopic) -> PlannedSubtopic:
    """A subtopic without its insights."""
    return {**subtopic, "insights": []}


async def suggest(context: Context, accepted: Content, sample: int) -> tuple[Content, list[Failure]]:
    """What the solver suggests for what is lacking.

    Args:
        context: The graph's.
        accepted: What there is already.
        sample: Number of the asking: another for each.

    Returns:
        The accepted subtopics and new ones, each with suggested insights alone; and the calls that brought nothing.
    """
    failures: list[Failure] = []
    subtopics = [bare(one) for one in accepted["subtopics"]]
    lacking = context.subtopics - len(subtopics)
    if lacking > 0:
        found, failure = await _subtopics(context, accepted, lacking, sample)
        keep = distinct(subtopics, found)
        subtopics += [one for one, new in zip(found, keep, strict=True) if new][:lacking]
        failures += [failure] if failure else []
    known = {one["name"]: one["insights"] for one in accepted["subtopics"]}
    short = [one for one in subtopics if len(known.get(one["name"], ())) < context.insights]
    replies = await together(lambda one: _insights(context, accepted, one, known.get(one["name"], ()), sample), short)
    for subtopic, (insights, failure) in zip(short, replies, strict=True):
        subtopic["insights"] = insights
        failures += [failure] if failure else []
    return {**accepted, "subtopics": subtopics}, failures


async def _subtopics(
    context: Context, accepted: Content, count: int, sample: int
) -> tuple[list[PlannedSubtopic], Failure | None]:
    shown = [f"{one['name']}: {one['subtopic']}" for one in accepted["subtopics"]]
    fields = {"count": str(count), "known": _shown(shown)}
    reply, failure = await _ask(context, accepted, "subtopics", fields, _Subtopics, "subtopics", sample)
    found = [
        PlannedSubtopic(name=_name(one.name), subtopic=_line(one.subtopic), query=_line(one.query), insights=[])
        for one in (reply.subtopics if reply else ())
    ]
    return [
        {**one, "subtopic": one["subtopic"] or one["name"], "query": one["query"] or f"What about {one['name']}?"}
        for one in found
        if one["name"]
    ], failure


async def _insights(
    context: Context, accepted: Content, subtopic: PlannedSubtopic, known: Sequence[PlannedInsight], sample: int
) -> tuple[list[PlannedInsight], Failure | None]:
    fields = {
        "subtopic": fence(f"{subtopic['name']}: {subtopic['subtopic']}", "subtopic"),
        "count": str(context.insights - len(known)),
        "known": _shown([one["insight"] for one in known]),
    }
    reply, failure = await _ask(context, accepted, "insights", fields, _Insights, subtopic["name"], sample)
    found = [
        PlannedInsight(name=_name(one.name) or name_of(_line(one.insight)), insight=_line(one.insight))
        for one in (reply.insights if reply else ())
    ]
    return [one for one in found if one["insight"]], failure


async def _ask(
    context: Context, content: Content, name: str, fields: dict[str, str], form: type[Form], about: str, sample: int
) -> tuple[Form | None, Failure | None]:
    """One reply in its form, or why there is none."""
    fields |= {"topic": fence(content["topic"], "topic"), "form": FORMS[content["domain"]]}
    schema: dict[str, Any] = schema_of(form)
    try:
        solution = await solver_of(context).solve(
            load_prompt(f"summhay/make_{name}"),
            fields,
            sampling=context.planning,
            structured=Structured(json_schema=schema),
            sample=sample,
        )
    except CALL_FAILURES as error:
        outcome, reason = failure_of(error)
        return None, Failure(step="outline", about=about, outcome=outcome, reason=reason)
    if solution.outcome is not Outcome.OK:
        return None, Failure(step="outline", about=about, outcome=solution.outcome, reason=solution.reason)
    try:
        return form.model_validate_json(whole_object(solution.text) or ""), None
    except ValidationError:
        told = "the solver's reply is not the JSON that was asked for"
        return None, Failure(step="outline", about=about, outcome=Outcome.UNPARSED, reason=told)


def _shown(texts: Sequence[str]) -> str:
    return "\n".join(fence(text, "known") for text in texts) or NONE


def _line(text: str) -> str:
    """One line, without half surrogate pairs, which no file can hold."""
    return " ".join(text.encode("utf-8", "replace").decode().split())


def _name(text: str) -> str:
    return _line(text)[:LONGEST_NAME].strip()


async def accept(
    context: Context, accepted: Content, candidates: Content, sample: int
) -> tuple[Content, list[Rejected], list[Failure]]:
    """Add to the content what the rules and the critic let pass, as far as it is lacking.

    Returns:
        The content, what was rejected, and the critic's call if it brought nothing.
    """
    known = [one["insight"] for one in insights_of(accepted)]
    rejected = rejections(candidates, known, context.specific)
    open_ = [(number, text) for number, (_, _, text) in enumerate(fields_of(candidates)) if number not in rejected]
    failures: list[Failure] = []
    if context.critic is not None and open_:
        try:
            every = [*known, *(text for _, text in open_)]
            review = await context.critic.review(candidates["topic"], every, sampling=context.reviewing, sample=sample)
        except CALL_FAILURES as error:
            review = Review({}, *failure_of(error))
        if review.outcome is not Outcome.OK:
            failures.append(Failure(step="criticise", about="insights", outcome=review.outcome, reason=review.reason))
        fields = list(fields_of(candidates))
        for place, (number, text) in enumerate(open_, start=len(known)):
            # What was accepted before stays: it was in doubt once already.
            if place in review.rejected:
                told = _line(review.rejected[place])
                rejected[number] = Rejected(subtopic=fields[number][1], text=text, reason=told, by="critic")
    return _merged(context, accepted, candidates, set(rejected)), list(rejected.values()), failures


def _merged(context: Context, accepted: Content, candidates: Content, rejected: set[int]) -> Content:
    before = {one["name"]: one["insights"] for one in accepted["subtopics"]}
    merged: list[PlannedSubtopic] = []
    number = 0
    for subtopic in candidates["subtopics"]:
        passed = [one for place, one in enumerate(subtopic["insights"], start=number) if place not in rejected]
        number += len(subtopic["insights"])
        insights = [*before.get(subtopic["name"], ()), *passed][: context.insights]
        merged.append({**subtopic, "insights": insights})
    return {**candidates, "subtopics": merged}


def is_enough(content: Content, context: Context) -> bool:
    """Whether there is all that was wanted."""
    subtopics = content["subtopics"]
    return len(subtopics) == context.subtopics and all(len(one["insights"]) == context.insights for one in subtopics)


def lacking(content: Content, context: Context) -> str:
    """What there is too little of."""
    subtopics = content["subtopics"]
    if len(subtopics) < context.subtopics:
        return f"{len(subtopics)} of {context.subtopics} subtopics"
    short = [one for one in subtopics if len(one["insights"]) < context.insights]
    first = f"{short[0]['name']!r} has {len(short[0]['insights'])} of {context.insights}"
    return f"{len(short)} of {len(subtopics)} subtopics have too few insights ({first})"
