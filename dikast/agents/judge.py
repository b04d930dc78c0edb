"""The judge that a language model plays: which of two responses is better, or how good is one, under a rubric.

    judge = load_judge("server:http://localhost:8000/v1#Qwen/Qwen3-8B")
    judgement = await judge.judge(Case("2 + 2?", ("4", "5"), "correctness"), sampling=Sampling())
    judgement.side            # "first"

Three forms of verdict, named by a prefix of the spec:

| spec | verdict |
| --- | --- |
| `SPEC` | a mark that ends the reply, [[A]] or [[3]] |
| `json+SPEC` | a JSON object that the engine is held to |
| `logprobs+SPEC` | the probabilities of the labels as the reply's first token: nothing is parsed |

`judge:NAME` is a judge of another package, of whatever kind (docs/plugins.md).

What is judged is quoted (`dikast.fence`): it cannot close its marks or forge a verdict. A reply without a verdict, or
one that was cut off, is `unparsed`, a result; it is not asked for again. Every call is booked under the role `judge`.

Not here: the other order, panels, references; those are the graph's (`dikast.graphs.reviseval`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from langchain_core.language_models.chat_models import BaseChatModel

from dikast.agents.ask import Answer, ask
from dikast.agents.models.identity import identity
from dikast.agents.models.load import load_role_model, split_prefix
from dikast.agents.models.request import Reply, Sampling, Structured
from dikast.agents.prompt import Prompt, load_prompt
from dikast.agents.quoting import APART, JUDGED, OWN_RUBRIC, SHARED, quote_instruction, quote_response
from dikast.agents.roles import Case, Judge, Judgement, Solution
from dikast.errors import UsageError
from dikast.fence import fence, inert
from dikast.plugins import Plugins
from dikast.records import Outcome
from dikast.spec_options import refuse_disallowed
from dikast.verdicts import Side, first_preference, read_json_score, read_score, read_verdict
from dikast.wire import spec_of

Form = Literal["mark", "json", "logprobs"]

PREFIXES: Mapping[str, Form] = {"json+": "json", "logprobs+": "logprobs"}
ALTERNATIVES = 20
"""Alternatives asked for at the label's place: the most that the OpenAI API gives, and vLLM's default bound."""
LABELS = {False: ("A", "B"), True: ("A", "B", "C")}
"""Verdicts on a pair, without and with ties."""
PROMPTS = tuple(
    f"judge/{name}"
    for name in (
        "commit",
        "pair_free",
        "pair_reference",
        "pair_committed",
        "pair_conflict",
        "score_free",
        "score_reference",
        "score_committed",
    )
)
"""All prompts of this judge."""


@dataclass(frozen=True)
class ModelJudge:
    """A `Judge` over any LangChain chat model.

    Args:
        model: The model.
        form: How it is asked to give its verdict.
    """

    model: BaseChatModel
    form: Form = "mark"

    @property
    def spec(self) -> str:
        """The model's spec, with the form's prefix."""
        prefix = next((prefix for prefix, form in PREFIXES.items() if form == self.form), "")
        return prefix + spec_of(self.model)

    def fingerprint(self) -> Mapping[str, object]:
        """The model's, the form and how it is asked for, and the prompts'."""
        asked = [pair_form(self.form, True), pair_form(self.form, False), score_form(self.form, (0, 1))]
        asked += [SHARED, APART, JUDGED, OWN_RUBRIC]
        prompts = [load_prompt(name).fingerprint() for name in PROMPTS]
        return {"model": identity(self.model), "form": self.form, "asked": asked, "prompts": prompts}

    async def judge(self, case: Case, *, sampling: Sampling) -> Judgement:
        """Ask the model; see `Judge.judge`.

        Raises:
            ModelError: There is no reply.
            UsageError: The form needs something that the engine lacks, or a scale that it cannot have.
        """
        labels = self.form == "logprobs"
        answer = await ask(
            self.model,
            prompt_of(case),
            fields_of(case, self.form),
            role="judge",
            sampling=sampling.model_copy(update={"max_tokens": 1, "temperature": 0.0}) if labels else sampling,
            structured=Structured(json_schema=schema_of(case)) if self.form == "json" else None,
            logprobs=ALTERNATIVES if labels else None,
        )
        return self._read(answer, case)

    async def answer(self, instruction: str, *, sampling: Sampling) -> Solution:
        """Ask for the judge's own answer; see `Judge.answer`."""
        fields = {"instruction": fence(instruction, "instruction")}
        answer = await ask(self.model, load_prompt("judge/commit"), fields, role="judge", sampling=sampling)
        return Solution(answer.reply.text, answer.outcome, answer.reason, answer.usage, answer.provenance)

    def _read(self, answer: Answer, case: Case) -> Judgement:
        unread = Judgement(
            answer.reply.text, None, None, None, answer.outcome, answer.reason, answer.usage, answer.provenance
        )
        if self.form == "logprobs" and answer.outcome in (Outcome.OK, Outcome.EMPTY):
            # A first token that is white space makes the text empty; the labels' probabilities are there all the same.
            return _read_labels(unread, label_logprobs(answer.reply, spec_of(self.model)), case)
        if answer.outcome is not Outcome.OK:
            return unread
        if answer.provenance.cut:
            return _unparsed(unread, "the reply was cut off")
        return _read_pair(unread, case, self.form) if len(case.responses) > 1 else _read_score(unread, case, self.form)


def prompt_of(case: Case) -> Prompt:
    """The prompt for this kind of case."""
    if case.said:
        return load_prompt("judge/pair_conflict")
    task = "pair" if len(case.responses) > 1 else "score"
    kind = "committed" if case.own else "reference" if case.reference else "free"
    return load_prompt(f"judge/{task}_{kind}")


def fields_of(case: Case, form: Form) -> dict[str, str]:
    """The prompt's fields: whatever comes from elsewhere is quoted."""
    fields = {"rubric": case.rubric, "instruction": quote_instruction(case)}
    pair = len(case.responses) > 1
    if pair:
        fields |= {"first": quote_response(case, 0, "response_a"), "second": quote_response(case, 1, "response_b")}
        fields["form"] = pair_form(form, case.ties)
    else:
        fields |= {"response": quote_response(case, 0, "response"), "form": score_form(form, case.scale)}
    if case.said:
        said, swapped = case.said
        fields |= {"said": fence(said, "comparison"), "said_swapped": fence(swapped, "comparison")}
        about = "Your own earlier answer" if case.own else "Reference response"
        fields["reference"] = f"\n{about}:\n{fence(case.reference, 'reference')}\n" if case.reference else ""
    elif case.own:
        # The judge's own turn: no quotation, but it may not end its turn or hold a verdict either.
        fields["answer"] = inert(case.reference)
    elif case.reference:
        fields["reference"] = fence(case.reference, "reference")
    return fields


def pair_form(form: Form, ties: bool) -> str:
    """What a judge of two is told about the form of its verdict."""
    if form == "mark":
        tie = ", [[C]] if they are equally good" if ties else ""
        marks = f"[[A]] if Response A is better, [[B]] if Response B is better{tie}"
        return f"Explain your comparison briefly, then end with your verdict on a line of its own: {marks}."
    labels = "A, B, or C for equally good" if ties else "A or B"
    if form == "json":
        return f'Reply with a JSON object {{"reasoning": "...", "winner": "..."}}, the winner being {labels}.'
    return f"Which response is better? Reply with one letter and nothing else: {labels}."


def score_form(form: Form, scale: tuple[float, float]) -> str:
    """What a judge of one is told about the form of its score.

    Raises:
        UsageError: Label probabilities are wanted on a scale whose steps are not single digits.
    """
    low, high = scale
    span = f"from {low:g} (worst) to {high:g} (best)"
    if form == "mark":
        return f"Explain briefly, then end with a score {span} in double brackets on a line of its own: [[score]]."
    if form == "json":
        return f'Reply with a JSON object {{"reasoning": "...", "score": 0}}, the score being a number {span}.'
    return f"Score the response {span}. Reply with one digit and nothing else: {', '.join(digits_of(scale))}."


def digits_of(scale: tuple[float, float]) -> list[str]:
    """The labels of a scale.

    Raises:
        UsageError: They would not be single digits, each of which is one token.
    """
    low, high = scale
    if low != int(low) or high != int(high) or not 0 <= low < high <= 9:
        hint = "use a scale within 0..9, or another form of verdict"
        raise UsageError(f"label probabilities need whole steps of one digit, not {low:g}..{high:g}", hint=hint)
    return [str(step) for step in range(int(low), int(high) + 1)]


def schema_of(case: Case) -> dict[str, Any]:
    """The JSON schema of a verdict: the explanation first, so that the verdict follows from it.

    The explanation's length is not bounded here: the grammar of a string of up to 2,000 characters took OpenVINO 6 CPU
    seconds to compile.
    """
    low, high = case.scale
    verdict: dict[str, dict[str, Any]] = (
        {"winner": {"type": "string", "enum": list(LABELS[case.ties])}}
        if len(case.responses) > 1
        else {"score": {"type": "number", "minimum": low, "maximum": high}}
    )
    properties = {"reasoning": {"type": "string"}, **verdict}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def label_logprobs(reply: Reply, spec: str) -> dict[str, float]:
    """Log probability of each text that the reply's first token could have been, white space around it left out.

    Raises:
        UsageError: The engine gives no alternatives.
    """
    if not reply.logprobs or not reply.logprobs[0].top:
        hint = "use another form of verdict, or an engine that gives alternatives"
        raise UsageError(f"{spec} gives no log-probabilities of alternatives", hint=hint)
    first = reply.logprobs[0]
    tokens = {first.token: first.logprob, **dict(first.top)}
    found: dict[str, float] = {}
    for token, logprob in tokens.items():
        label = token.strip()
        found[label] = _log_sum(found.get(label, -math.inf), logprob)
    return found


def _log_sum(first: float, second: float) -> float:
    """The logarithm of the sum of two numbers whose logarithms these are."""
    if first == second:
        return first + math.log(2)
    return max(first, second) + math.log1p(math.exp(-abs(first - second)))


def _read_labels(unread: Judgement, found: Mapping[str, float], case: Case) -> Judgement:
    """Read a verdict out of the labels' probabilities; `unparsed` if the reply would begin with none of them."""
    labels = LABELS[False] if len(case.responses) > 1 else tuple(digits_of(case.scale))
    there = {label: found[label] for label in labels if label in found}
    if not there:
        return _unparsed(unread, f"none of the labels {', '.join(labels)} among the likeliest first tokens")
    read = replace(unread, outcome=Outcome.OK, reason="")
    if len(case.responses) == 1:
        masses = {label: math.exp(logprob) for label, logprob in there.items()}
        # G-Eval (arXiv 2303.16634, section 2.3): the expected score over the labels' own mass.
        score = sum(int(label) * mass for label, mass in masses.items()) / sum(masses.values())
        return replace(read, score=score)
    # A label that is not among the likeliest tokens is at most as likely as the least of them: the bound stands for it.
    preference = first_preference({**dict.fromkeys(labels, min(found.values())), **there})
    side: Side = "tie" if preference == 0.5 else "first" if preference > 0.5 else "second"
    return replace(read, side=side, preference=preference)


def _read_pair(unread: Judgement, case: Case, form: Form) -> Judgement:
    side = read_verdict(unread.text, "json" if form == "json" else "mark")
    if side is None:
        return _unparsed(unread, f"no verdict in {unread.text[-80:]!r}")
    if side == "tie" and not case.ties:
        return _unparsed(unread, "a tie, which was not asked for")
    return replace(unread, side=side)


def _read_score(unread: Judgement, case: Case, form: Form) -> Judgement:
    low, high = case.scale
    score = read_json_score(unread.text, low, high) if form == "json" else read_score(unread.text, low, high)
    if score is None:
        return _unparsed(unread, f"no score within {low:g}..{high:g} in {unread.text[-80:]!r}")
    return replace(unread, score=score)


def _unparsed(unread: Judgement, reason: str) -> Judgement:
    return replace(unread, outcome=Outcome.UNPARSED, reason=reason)


PLUGGED = "judge:"
PLUGINS = Plugins("judges")
"""Judges of other packages: entry points `dikast.judges`, each a function (what stands behind the name, the whole spec)
-> judge."""


def load_judge(source: object) -> Judge:
    """A judge from a model spec with the prefix of its form, around a LangChain chat model, or a plugin's.

    Raises:
        UsageError: None of these, or the plugin is broken.
    """
    if isinstance(source, str) and source.startswith(PLUGGED):
        return open_plugged(source)
    prefix, bare = split_prefix(source, PREFIXES)
    return ModelJudge(load_role_model(bare, "judge", "judge(), answer()"), PREFIXES.get(prefix, "mark"))


def open_plugged(spec: str) -> Judge:
    """The judge of `judge:NAME` or `judge:NAME:REST`, which a plugin makes.

    Raises:
        UsageError: No plugin has this name, it is broken, or the judge does not say its spec.
    """
    refuse_disallowed("judge", f"judge spec {spec!r}")
    name, _, rest = spec.removeprefix(PLUGGED).partition(":")
    plugin = PLUGINS.find(name)
    if plugin is None:
        there = ", ".join(PLUGINS.every()) or "none"
        raise UsageError(f"judge spec {spec!r}: no plugin gives a judge {name!r}", hint=f"installed: {there}")
    made: Judge = plugin.make(Judge, rest, spec)
    if made.spec != spec:
        raise plugin.explain(f"the judge of {spec!r} says that its spec is {made.spec!r}")
    return made
