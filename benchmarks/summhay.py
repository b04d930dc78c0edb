"""SummHay: the authors' scores of every system, judges against people, the ladder, retrieval, and haystacks of our own.

    python benchmarks/summhay.py --data ../shared/data/evals --json

`--data` is a folder with `summhay/`: topic files, with `NAME.official_scores.json` beside them, and
`eval_benchmark.jsonl` with `eval_benchmark.expected.json`. The ladder asks the recorded predictions of one judge for
the pairs that are uncertain, and its thresholds are those that ship. `dense` needs the extra `encoder`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from machine import facts

from dikast.errors import MissingExtraError
from dikast.files import write_jsonl
from dikast.graphs.summhay.coverage.load import load_coverage_judge
from dikast.graphs.summhay.haystack import (
    SUMMARY_PREFIX,
    Haystack,
    as_json,
    parse_haystack,
    read_haystack,
    write_haystack,
)
from dikast.graphs.summhay.make import context as make
from dikast.graphs.summhay.make.content import parse_content
from dikast.graphs.summhay.make.graph import graph as make_graph
from dikast.graphs.summhay.meta import covered, measure, predict, read_annotations, share_asked
from dikast.graphs.summhay.ranking import load_ranker
from dikast.graphs.summhay.retrieval_scores import RetrievalScore, mean_scores, score_ranking
from dikast.graphs.summhay.scores import pool, score_subtopic

OFFICIAL = {
    "coverage_score": "coverage",
    "citation_score": "citation",
    "joint_score": "joint",
    "citation_precision": "precision",
    "citation_recall": "recall",
}
"""The authors' name of a score -> ours."""
RANKERS = ("random", "keyword", "bm25", "rm3", "dense", "hybrid:bm25+dense", "oracle")
BUDGET = 15_000
HAYSTACKS = 10
SUFFIX = ".official_scores.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with summhay/")
    parser.add_argument("--rows", type=Path, help="write every score here")
    parser.add_argument("--full", action="store_true", help="accepted for uniformity")
    parser.add_argument("--json", action="store_true", help="only the last line on stdout (it always is one object)")
    args = parser.parse_args()
    folder: Path = args.data / "summhay"
    paths = sorted(path for path in folder.glob("topic_*.json") if not path.name.endswith(SUFFIX))
    rows = [row for path in paths for row in compared(path)]
    tell(f"{len(rows)} systems of {len(paths)} files")
    if args.rows:
        write_jsonl(args.rows, rows)
    found: dict[str, Any] = {
        "systems": len(rows),
        "max_diff": max((row["difference"] for row in rows), default=None),
        **evaluators(folder),
        **asyncio.run(ladder(folder)),
        "retrieval": asyncio.run(retrieval([read_haystack(path) for path in paths])),
        "synthesis": synthesis(),
    }
    print(json.dumps({**found, **facts("numpy", "tokenizers")}))


def tell(text: str) -> None:
    print(text, file=sys.stderr)


def compared(path: Path) -> list[dict[str, Any]]:
    """Each system of a topic file: our scores, and how far they are from the official ones."""
    official = path.with_name(path.stem + SUFFIX)
    if not official.is_file():
        return []
    haystack = read_haystack(path)
    rows: list[dict[str, Any]] = []
    for theirs in json.loads(official.read_text(encoding="utf-8"))["per_system"]:
        key = SUMMARY_PREFIX + theirs["model"]
        scored = [score_subtopic(haystack, subtopic, key) for subtopic in haystack.subtopics]
        ours = pool(one for one in scored if one is not None).as_dict()
        differences = [difference(theirs[name], ours[own]) for name, own in OFFICIAL.items()]
        rows.append({"file": path.name, "system": theirs["model"], "difference": max(differences), **ours})
    return rows


def difference(theirs: float | None, ours: float | int | None) -> float:
    """How far two figures are apart; infinitely, if one of them alone is defined."""
    if theirs is None or math.isnan(theirs):
        return 0.0 if ours is None else math.inf
    return math.inf if ours is None else abs(theirs - ours)


def evaluators(folder: Path) -> dict[str, Any]:
    """The recorded judges against people: the largest difference from the expected figures."""
    path = folder / "eval_benchmark.jsonl"
    expected: Mapping[str, Mapping[str, float]] = json.loads((folder / "eval_benchmark.expected.json").read_text())
    summaries = read_annotations(path)
    worst, told = 0.0, dict[str, Any]()
    for column, figures in expected.items():
        quality = measure(summaries, [one.predicted(column, path) for one in summaries])
        pairs = (
            ("corr", quality.correlation),
            ("link", quality.linking),
            ("n", quality.pairs),
            ("nlink", quality.linked),
        )
        worst = max(worst, *(difference(figures[name], value) for name, value in pairs if name in figures))
        told[column] = {"correlation": quality.correlation, "linking": quality.linking}
    return {"evaluator_max_diff": worst, "evaluators": told}


async def ladder(folder: Path) -> dict[str, Any]:
    """The cheap judges, and the ladder over the recorded predictions of the best-known one."""
    path = folder / "eval_benchmark.jsonl"
    summaries = read_annotations(path)
    column = "predictions_prompted_gpt-4o"
    found: dict[str, Any] = {}
    for name, spec in (("words", "words"), ("ladder", f"ladder+recorded:{path}?column={column}")):
        try:
            verdicts = await predict(load_coverage_judge(spec), summaries)
        except MissingExtraError as error:
            tell(f"{name}: left out: {error}")
            continue
        quality = measure(summaries, covered(verdicts))
        found[name] = {
            "llm_share": share_asked(verdicts),
            "correlation": quality.correlation,
            "linking": quality.linking,
            "linked": quality.linked,
        }
        tell(f"{name}: {found[name]}")
    return found


async def retrieval(haystacks: Sequence[Haystack]) -> dict[str, Any]:
    """Each ranker over all subtopics of all haystacks."""
    found: dict[str, Any] = {}
    for spec in RANKERS:
        ranker = load_ranker(spec)
        started, scores = time.perf_counter(), list[RetrievalScore]()
        try:
            for haystack in haystacks:
                scores += [await score_ranking(haystack, one, ranker, budget=BUDGET) for one in haystack.subtopics]
        except MissingExtraError as error:
            tell(f"{spec}: left out: {error}")
            continue
        seconds = round(time.perf_counter() - started, 2)
        found[spec.partition(":")[0]] = {**mean_scores(scores), "seconds": seconds}
        tell(f"{spec}: {found[spec.partition(':')[0]]}")
    return found


SUBTOPICS, INSIGHTS = 8, 8
SYLLABLES = ("ba", "dor", "fel", "gri", "hun", "jas", "kel", "lor", "mun", "nev", "ost", "pra", "quin", "rul", "sten")
DEEDS = (
    ("bought", "barges"),
    ("sold", "tractors"),
    ("planted", "orchards"),
    ("closed", "bakeries"),
    ("painted", "bridges"),
    ("hired", "welders"),
    ("lost", "contracts"),
    ("tested", "turbines"),
    ("rented", "warehouses"),
    ("repaired", "locomotives"),
    ("insured", "vineyards"),
    ("photographed", "glaciers"),
    ("exported", "violins"),
    ("recycled", "batteries"),
    ("trained", "nurses"),
    ("founded", "libraries"),
)


def synthesis(haystacks: int = HAYSTACKS) -> dict[str, Any]:
    """Haystacks by the template writer: how long they take, whether the plan is kept, whether files come back equal."""
    started = time.perf_counter()
    made = asyncio.run(make_all(haystacks))
    seconds = time.perf_counter() - started
    bounds = (make.INSIGHTS_A_DOCUMENT, make.DOCUMENTS_AN_INSIGHT)
    documents = [one for haystack in made for one in haystack.documents]
    return {
        "haystacks": len(made),
        "documents": len(documents),
        "seconds": round(seconds, 2),
        "plan_exact": all(keeps_to(haystack, *bounds) for haystack in made),
        "round_trip": all(comes_back(haystack) for haystack in made),
    }


async def make_all(haystacks: int) -> list[Haystack]:
    context = make.Context.model_validate({"writer": "template"})
    made: list[Haystack] = []
    for seed in range(haystacks):
        row = make.Input(topic="Firms", content=content_of(seed), seed=seed)
        made.append(parse_haystack((await make_graph.ainvoke(row, context=context))["haystack"]))
    return made


def content_of(seed: int) -> Any:
    """Subtopics and insights about firms that there are not."""
    random = Random(seed)
    names = iter(random.sample([a + b + c for a in SYLLABLES for b in SYLLABLES for c in SYLLABLES], 400))
    subtopics: list[dict[str, Any]] = []
    for number in range(SUBTOPICS):
        town = next(names).title()
        insights = [told_of([next(names).title() for _ in range(3)], town, random) for _ in range(INSIGHTS)]
        subtopics.append({"name": f"{town} {number}", "insights": insights})
    return parse_content({"topic": "Firms", "domain": "conversation" if seed % 2 else "news", "subtopics": subtopics})


def told_of(names: Sequence[str], town: str, random: Random) -> str:
    """An insight: who did what, how often, when, and for whom."""
    firm, client, agent = names
    (verb, _), (_, things) = random.choice(DEEDS), random.choice(DEEDS)
    count, year = random.randrange(20, 9000), random.randrange(1950, 2020)
    return f"{firm} of {town} {verb} {count} {things} for {client} in {year}, through {agent}."


def keeps_to(haystack: Haystack, a_document: tuple[int, int], an_insight: tuple[int, int]) -> bool:
    """Whether every document holds as many insights, and every insight stands in as many documents, as planned."""
    held = [len(one.insights_included) for one in haystack.documents]
    stands = [len(numbers) for numbers in haystack.gold.values()]
    return all(
        least <= one <= most for counts, (least, most) in ((held, a_document), (stands, an_insight)) for one in counts
    )


def comes_back(haystack: Haystack) -> bool:
    """Whether a file of it, read and written again, is the same."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "topic.json")
        write_haystack(path, haystack)
        return as_json(read_haystack(path)) == as_json(haystack) == json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
