"""Measuring a run against judgments, with `trec_eval`'s figures (through ir-measures and pytrec_eval).

    names = read_measures("nDCG@10,AP(rel=2,judged_only=True)@100")      # before anything is spent on a run
    values = measure(qrels, run, names)                                  # measure -> query id -> value
    total("AP", values["AP"])

A ranking is measured in the order it stands in. A judged query that the run lacks counts 0, as with `trec_eval -c`; a
query without judgments does not count. Counts (`NumRet`, `NumRel`, `NumQ`) are summed, the rest are averaged.

The names of trec_eval (`ndcg_cut_10`, `map`, `recip_rank`) are taken as well.

The rule: a measure is taken once its name and parameters are known, each parameter is within its range, and it has been
computed on two made-up queries; so what cannot be computed here is told before a run is made or read. ir-measures and
what it calls see query ids of their own, numbers, since gdeval (`ERR`) takes no other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from dikast.errors import DataError, UsageError
from dikast.records import Qrels
from dikast.retrieval.retriever import Hit

if TYPE_CHECKING:
    from ir_measures.measures import Measure

Values = dict[str, float]
"""Query id -> value."""
DEFAULT_MEASURES = ("nDCG@10", "AP", "R@100")
ALIASES = {"MAP": "AP", "MRR": "RR", "Recall": "R"}
COUNTS = ("NumRet", "NumRel", "NumQ")
"""Measures that are summed over queries, as trec_eval does."""
HINT = "e.g. nDCG@10, AP, R@100, P@10, RR@10; all: https://ir-measur.es"
MAX_INT = 2**31 - 1
"""trec_eval's C holds cutoffs and grades in 32 bits; a cutoff of 0 or below ends the process."""
RANGES: Mapping[str, tuple[float, float]] = {
    "cutoff": (1, MAX_INT),
    "rel": (1, MAX_INT),
    "max_rel": (1, MAX_INT),
    "recall": (0, 1),
    "p": (0, 1),
    "alpha": (0, 1),
    "beta": (0, 1e6),
    "gains": (0, MAX_INT),
}
"""Parameter -> lowest and highest value; what lies beyond is computed as nonsense, or not at all."""
NAMED_OTHERWISE = ("Rprec", "set_P", "set_F")
"""Of trec_eval's names, those that are neither in small letters nor end in a cutoff."""
GDEVAL_MAX_GRADE = 4
TRIAL_QRELS = {"1": {"a": 1, "b": 0, "c": 2}, "2": {"a": 0, "b": 1}}
TRIAL_RUN = {"1": {"b": 3.0, "a": 2.0, "x": 1.0}, "2": {"a": 2.0, "b": 1.0}}


def read_measures(text: str) -> list[str]:
    """The measures of a list with commas; commas within brackets and quotes are a measure's own.

    Raises:
        UsageError: There is none, or one is unknown, out of its range or cannot be computed here.
    """
    names = [name.strip() for name in _split(text)]
    if not any(names):
        raise UsageError("no measure is named", hint=HINT)
    for name in names:
        _parse(name)
    return names


def _split(text: str) -> list[str]:
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        depth += 0 if quote else (letter in "([{") - (letter in ")]}")
        if letter == "," and depth <= 0 and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def measure(
    qrels: Qrels, run: Mapping[str, Sequence[Hit]], measures: Sequence[str] = DEFAULT_MEASURES
) -> dict[str, dict[str, float]]:
    """Values: measure -> query id -> value, for every judged query; 0 to 1, but for counts.

    Args:
        qrels: The judgments.
        run: Query id -> hits, best first; scores are not looked at.
        measures: Names as ir-measures has them: `nDCG@10`, `AP` (or `MAP`), `R@100`, `P@10`, `RR`, `AP(rel=2)@100` ...

    Raises:
        UsageError: A measure is unknown, or cannot be computed here, or on these judgments.
        DataError: A ranking names a document twice, or there are no judgments.
    """
    if not qrels:
        raise DataError("there are no judgments to measure with")
    parsed = {name: _parse(name) for name in measures}
    found = {each: {qid: _without_ranking(each, qrels[qid]) for qid in qrels} for each in parsed.values()}
    scored = {qid: _as_scores(qid, run[qid]) for qid in qrels if run.get(qid)}
    if scored:
        _refuse_grades(list(found), qrels)
        numbers = {qid: str(number) for number, qid in enumerate(qrels, 1)}
        judged = {numbers[qid]: dict(grades) for qid, grades in qrels.items()}
        values = _computed(
            {each: name for name, each in parsed.items()},
            judged,
            {numbers[qid]: scores for qid, scores in scored.items()},
        )
        for each in found:
            found[each] |= {qid: values[each].get(numbers[qid], each.DEFAULT) for qid in scored}
    return {name: found[each] for name, each in parsed.items()}


def total(name: str, values: Mapping[str, float]) -> float:
    """A measure's figure for a run: the mean over queries, a count's sum; 0 without any query."""
    return sum(values.values()) if is_count(name) else mean(values)


def is_count(name: str) -> bool:
    """Whether a measure counts, so that its values are summed."""
    return _parse(name).NAME in COUNTS


def mean(values: Mapping[str, float]) -> float:
    """The arithmetic mean over queries; 0 without any."""
    return sum(values.values()) / len(values) if values else 0.0


@lru_cache(maxsize=256)
def _parse(name: str) -> Measure:
    """The measure of a name, tried out."""
    import ir_measures

    stem, at, cutoff = name.partition("@")
    known = ALIASES.get(stem, stem) + at + cutoff
    parsed = _of_trec_eval(name)
    try:
        if parsed is None:
            parsed = ir_measures.parse_measure(known)
        parsed.validate_params()
    except (LookupError, NameError, ValueError, SyntaxError, AssertionError, TypeError, RecursionError) as error:
        raise UsageError(f"measure {name!r:.80} is unknown: {_one_line(error)}", hint=HINT) from error
    _refuse_range(name, cast(dict[str, Any], parsed.params))
    _computed({parsed: name}, TRIAL_QRELS, TRIAL_RUN)
    return parsed


def _of_trec_eval(name: str) -> Measure | None:
    """The measure that trec_eval calls so (`ndcg_cut_10`, `recip_rank`, `P.5`); `None` for any other name.

    Raises:
        UsageError: It names several, one a cutoff.
    """
    import ir_measures

    if any(sign in name for sign in "@(") or not (name.islower() or name[-1:].isdigit() or name in NAMED_OTHERWISE):
        return None
    try:
        found = ir_measures.parse_trec_measure(name)
    except ValueError:  # none of its names, or one that ir-measures does not have
        return None
    if len(found) > 1:
        raise UsageError(f"measure {name!r:.80} is one for each cutoff", hint=f"such as {name}_10 or {found[0]}")
    return found[0]


def _refuse_range(name: str, parameters: Mapping[str, Any]) -> None:
    for parameter, value in parameters.items():
        low, high = RANGES.get(parameter, (float("-inf"), float("inf")))
        numbers = list(cast(dict[Any, Any], value).values()) if isinstance(value, dict) else [value]
        for number in numbers:
            flag = isinstance(number, bool) and parameter in RANGES
            if flag or (isinstance(number, int | float) and not low <= number <= high):
                raise UsageError(f"measure {name!r:.80}: {parameter} is a number from {low} to {high}", hint=HINT)


def _computed(names: Mapping[Measure, str], qrels: dict[str, Any], run: dict[str, Any]) -> dict[Measure, Values]:
    """Measure -> query -> value; where one of several fails, they are computed one by one to find it.

    Args:
        names: Measure -> what the user calls it.
        qrels: Query -> document -> grade.
        run: Query -> document -> score.
    """
    import ir_measures

    found: dict[Measure, Values] = {each: {} for each in names}
    try:
        for metric in ir_measures.iter_calc(list(names), qrels, run):
            found[metric.measure][metric.query_id] = metric.value
    except Exception as error:  # of ir-measures or of any program that it calls: they have no exception of their own
        if len(names) == 1:
            [name] = names.values()
            raise UsageError(f"measure {name!r:.80} cannot be computed here: {_one_line(error)}", hint=HINT) from error
        return {each: _computed({each: name}, qrels, run)[each] for each, name in names.items()}
    return found


def _one_line(error: Exception) -> str:
    said = " ".join(str(error).split()) or type(error).__name__
    return re.sub(r"invalid param (\w+)=<object.*", r"it needs \1=...", said)[:300]


def _without_ranking(each: Measure, grades: Mapping[str, int]) -> float:
    """What a query counts that a run lacks: 0, but for the counts that do not hang on a run."""
    if each.NAME == "NumQ":
        return 1.0
    if each.NAME == "NumRel":
        return float(sum(grade >= cast(int, each["rel"]) for grade in grades.values()))
    return each.DEFAULT


def _refuse_grades(measures: Sequence[Measure], qrels: Qrels) -> None:
    """Tell of grades that gdeval would end at, in words of its own on stderr."""
    by_gdeval = [each for each in measures if each.NAME == "ERR" or each.params.get("dcg") == "exp-log2"]
    highest = max((grade for grades in qrels.values() for grade in grades.values()), default=0)
    if by_gdeval and highest > GDEVAL_MAX_GRADE:
        what = f"measure '{by_gdeval[0]}' takes grades up to {GDEVAL_MAX_GRADE}; the judgments have {highest}"
        raise UsageError(what, hint="map the grades, or take nDCG@10")


def _as_scores(qid: str, hits: Sequence[Hit]) -> dict[str, float]:
    """Scores that say nothing but the order."""
    scores = {hit.docid: float(-rank) for rank, hit in enumerate(hits)}
    if len(scores) != len(hits):
        raise DataError(f"the ranking of query {qid!r} names a document twice")
    return scores
