"""From the options of `dikast genqr run` to the graph's `Context`.

What a flag, the environment or a settings file says wins over `--method`, which wins over the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer
from pydantic import ValidationError

from dikast.errors import UsageError

if TYPE_CHECKING:
    from dikast.graphs.genqr import Context

SAMPLING = ("temperature", "top_p", "top_k", "repetition_penalty", "max_tokens", "seed")
KNOBS = (
    "mode",
    "samples",
    "reply",
    "combination",
    "mixing",
    "damping",
    "repeats",
    "max_terms",
    "fusion",
    "rrf_k",
    "normalize",
    "with_original",
    "depth",
    "distinct",
    "select",
    "keep",
    "fluent",
    "feedback",
    "feedback_k",
    "feedback_pool",
    "feedback_tokens",
    "critic_threshold",
    "critic_when_none",
)
"""Options that are fields of the context by the same name."""


def make_context(ctx: typer.Context, given: Mapping[str, Any], spec: str) -> Context:
    """The context that the options of this command ask for.

    Args:
        ctx: The command's, which knows where each option's value comes from.
        given: The options' values.
        spec: The model for every role that has none of its own.

    Raises:
        UsageError: Options do not fit together.
        DataError: The instruction file is broken.
    """
    from dikast.agents.critic import load_critic
    from dikast.agents.judge import load_judge
    from dikast.agents.solver import load_solver
    from dikast.cli.genqr_learn import read_weights
    from dikast.graphs import genqr
    from dikast.retrieval.load import load_retriever
    from dikast.retrieval.oracle import QrelsOracle

    named = {name for name in given if (source := ctx.get_parameter_source(name)) and source.name != "DEFAULT"}
    preset = genqr.preset(given["method"]) if given["method"] else {}
    fields = {name: given[name] for name in KNOBS if name in named or name not in preset}
    fields = {**preset, **fields, **asked(given, preset)}
    told = {name: given[name] for name in SAMPLING if name in named}
    fields["sampling"] = preset.get("sampling", genqr.PAPER_SAMPLING).model_copy(update=told)
    fields["weights"] = numbers(given["weights"])
    if fields["feedback"] == "critic":
        fields["critic"] = load_critic(given["critic"] or spec)
    if fields["feedback"] == "oracle":
        fields["oracle"] = QrelsOracle(required(given["qrels"]))
    if given["select_weights"] is not None:
        fields["evidence_weights"] = read_weights(given["select_weights"]).weights
    if fields["select"] == "judge":
        fields["judge"] = load_judge(given["judge"] or spec)
    retriever = load_retriever(given["retriever"] or corpus_spec(given["corpus"], given["k1"], given["b"]))
    try:
        return genqr.Context(solver=load_solver(spec), retriever=retriever, **fields)
    except ValidationError as error:
        raise UsageError("; ".join(problem(one) for one in error.errors(include_url=False))) from error


def asked(given: Mapping[str, Any], preset: Mapping[str, Any]) -> dict[str, Any]:
    """What the solver is asked: instructions, or a plan's number of questions.

    Raises:
        UsageError: There are not so many instructions, or the method asks by questions of its own.
        DataError: The instruction file is broken.
    """
    from dikast.agents.prompt import load_lines

    path, n = given["instructions"], given["n"]
    if "plan" in preset:
        if path is not None:
            raise UsageError(f"--method {given['method']} makes its own questions: it takes no --instructions")
        return {"planned": n} if n is not None else {}
    lines = load_lines(path) if path else preset.get("instructions") or load_lines("genqr/instructions")
    if n is not None and n > len(lines):
        raise UsageError(f"-n {n}: there are {len(lines)} instructions", hint="--samples draws several replies of each")
    return {"instructions": lines[:n]}


def problem(error: Mapping[str, Any]) -> str:
    """One of Pydantic's errors in one line, with the option's name where it has one."""
    where = ".".join(str(part) for part in error["loc"])
    said = str(error["msg"]).removeprefix("Value error, ")
    return f"{where}: {said}" if where else said


def numbers(text: str | None) -> tuple[float, ...]:
    """Read `--weights`.

    Raises:
        UsageError: Not numbers.
    """
    try:
        return tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError as error:
        raise UsageError(f"--weights {text!r}: write numbers, comma-separated") from error


def corpus_spec(corpus: str | None, k1: float, b: float) -> str:
    """The retriever's spec for `--corpus`."""
    if corpus is None:
        raise UsageError("nothing to search", hint="give --corpus FILE, --retriever SPEC, or --collection sample")
    return f"bm25:{corpus}?k1={k1}&b={b}"


def required(qrels: str | None) -> str:
    """The judgments' file, which an oracle cannot do without."""
    if qrels is None:
        raise UsageError("--feedback oracle needs judgments", hint="give --qrels FILE")
    return qrels
