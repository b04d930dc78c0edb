"""GenQR's rivals as settings of its graph: who asks what how often, and how the replies join the query.

    context = genqr.Context(solver=..., retriever=..., **genqr.preset("query2doc"))
    genqr.Context(solver=..., retriever=..., **{**genqr.preset("mugi"), "samples": 3})

| method | asked | query that is searched with |
| --- | --- | --- |
| `ensemble`, `fusion` | ten instructions, keywords | q + K_1 + ... + K_10; or ten rankings fused |
| `ensemble_mix` | the same | dikast's own: .3 q + .7 log-damped K, L1-normalised; `TUNED_MIX` |
| `genqr` | one instruction, 5 samples, keywords | q + K_1 + ... + K_5 |
| `query2doc` | a passage | 5 q + d |
| `query2e` | keywords | 5 q + K |
| `mugi` | 5 passages | r q + d_1 + ... + d_5, r = (characters of all d / characters of q) / 5, at least 1 |
| `lamer` | 5 answers, with the first search's top 10 as candidates | q + a_1 + q + a_2 ... |
| `csqe` | 2 passages without, 2 extracts with the first search's top 10 | 2 q + d_1 + d_2 + e_1 + e_2 |
| `qa_expand` | 3 questions, an answer to each, a refined answer | 3 q + refined answers |
| `hyde` | 8 passages; for a dense retriever | mean of the passages' and the query's scores |

Prompts are in our own words. What follows each paper and what differs: docs/methods/genqr.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

from dikast.agents.models.request import MethodSampling, Sampling
from dikast.agents.prompt import load_lines, load_prompt
from dikast.errors import UsageError
from dikast.retrieval.combine import TUNED_MIX

Method = Literal[
    "ensemble",
    "ensemble_mix",
    "fusion",
    "genqr",
    "query2doc",
    "query2e",
    "mugi",
    "lamer",
    "csqe",
    "qa_expand",
    "hyde",
]
METHODS: tuple[Method, ...] = get_args(Method)
"""Their names."""
Preset = Mapping[str, Any]
"""Fields of GenQR's `Context`."""

PAPER_SAMPLING = MethodSampling(max_tokens=40, temperature=1.0, top_p=0.92, top_k=200, repetition_penalty=1.2, seed=0)
"""The paper's nucleus sampling (ECIR 2024, section 4); 40 new tokens is the authors' script's."""
ONE_PASSAGE = Sampling(max_tokens=128, temperature=1.0, seed=0)
"""Query2Doc's and LameR's: up to 128 tokens at temperature 1."""
LONG_PASSAGE = Sampling(max_tokens=1024, temperature=1.0, seed=0)
"""MuGI's and CSQE's bound of a passage in QueryGym."""
GENQR_SAMPLES = 5
"""Sequences drawn by the script of GenQREnsemble's authors, and by QueryGym's GenQR."""
FIRST_SEARCH = 10
"""Documents that LameR and CSQE show the model."""


def preset(method: Method) -> dict[str, Any]:
    """A method's settings, as keyword arguments of `Context`.

    Raises:
        UsageError: There is no such method.
    """
    if method not in _PRESETS:
        raise UsageError(f"method {method!r} is unknown", hint=f"one of {', '.join(METHODS)}")
    return dict(_PRESETS[method]())


def _keywords(**more: Any) -> Preset:
    return {"sampling": PAPER_SAMPLING, "reply": "text", **more}


def _passages(instruction: str, **more: Any) -> Preset:
    """Passages by one instruction, with or without documents in front."""
    return {
        "instructions": load_lines(f"genqr/{instruction}"),
        "prompt": load_prompt("genqr/passage"),
        "feedback_prompt": load_prompt("genqr/passage_feedback"),
        "reply": "passage",
        **more,
    }


def _genqr() -> Preset:
    return _keywords(instructions=load_lines("genqr/instructions")[:1], samples=GENQR_SAMPLES)


def _query2doc() -> Preset:
    return _passages("query2doc", sampling=ONE_PASSAGE, combination="querygym", repeats=5)


def _query2e() -> Preset:
    return _keywords(instructions=load_lines("genqr/query2e"), combination="querygym", repeats=5)


def _mugi() -> Preset:
    return _passages("mugi", sampling=LONG_PASSAGE, samples=5, combination="mugi")


def _lamer() -> Preset:
    shown = {"feedback": "pseudo", "feedback_k": FIRST_SEARCH}
    return _passages("lamer", sampling=ONE_PASSAGE, samples=5, combination="lamer", **shown)


def _csqe() -> Preset:
    shown = {"feedback": "pseudo", "feedback_k": FIRST_SEARCH, "feedback_prompt": load_prompt("genqr/csqe_extract")}
    knobs = {"sampling": LONG_PASSAGE, "samples": 2, "both": True, "combination": "querygym", "repeats": 2}
    return _passages("query2doc", **knobs, **shown)


def _qa_expand() -> Preset:
    return {
        "plan": load_prompt("genqr/qa_questions"),
        "planned": 3,
        "prompt": load_prompt("genqr/qa_answer"),
        "reply": "passage",
        "refine": load_prompt("genqr/qa_refine"),
        # QueryGym's; the paper's could not be read.
        "sampling": Sampling(max_tokens=256, temperature=0.8, seed=0),
        "combination": "querygym",
        "repeats": 3,
    }


def _hyde() -> Preset:
    return _passages(
        "hyde",
        sampling=Sampling(max_tokens=512, temperature=0.7, seed=0),
        samples=8,
        combination="alone",
        mode="fusion",
        # The inner product with a mean of vectors is the mean of the inner products.
        fusion="combsum",
        normalize="none",
        with_original=True,
    )


_PRESETS: Mapping[Method, Callable[[], Preset]] = {
    "ensemble": lambda: {},
    "ensemble_mix": lambda: {"combination": "mix", **TUNED_MIX._asdict()},
    "fusion": lambda: {"mode": "fusion"},
    "genqr": _genqr,
    "query2doc": _query2doc,
    "query2e": _query2e,
    "mugi": _mugi,
    "lamer": _lamer,
    "csqe": _csqe,
    "qa_expand": _qa_expand,
    "hyde": _hyde,
}
