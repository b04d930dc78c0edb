"""What is feedback worth, and how much of the oracle's worth is that its documents are ranked again?

    .venv/bin/python benchmarks/genqr_feedback.py --data ../shared/data/retrieval --json [--rows FOLDER]
        [--model SPEC] [--limit N]

Over every collection of DIR: BM25, then the GenQR graph with no feedback document, the first search's top 5, or the
judgments' most relevant, 1 or 5. `plain` scores are over all judged queries. `residual` scores, the oracle's headline,
are over what is left when the documents that the oracle showed are taken out of judgments and of both rankings alike;
`exhausted` queries have nothing relevant left and cannot be scored. p: paired randomisation test against BM25, Holm
over the systems of a table.

By default no language model takes part: the solver is a script that answers with the words that occur in most of the
quoted documents, a stand-in for what a model could read off its context. Without context it answers nothing, so that
`none` is BM25. `--model` takes a real one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from machine import facts

from dikast import jobs
from dikast.agents.models.load import close_models
from dikast.agents.models.request import Request
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.prompt import load_lines
from dikast.agents.solver import load_solver
from dikast.graphs import genqr
from dikast.graphs.genqr.records import Kind
from dikast.retrieval.analysis import STOPWORDS
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.compare import Row, compare
from dikast.retrieval.oracle import QrelsOracle
from dikast.retrieval.residual import residual
from dikast.retrieval.retriever import Hit
from dikast.retrieval.trec import read_qrels, read_topics, write_run

MEASURES = ("nDCG@10", "AP", "R@100")
SYSTEMS: dict[str, tuple[Kind, int]] = {
    "none": ("none", 1),
    "pseudo_5": ("pseudo", 5),
    "oracle_1": ("oracle", 1),
    "oracle_5": ("oracle", 5),  # the paper's
}
"""Name -> who chooses, and how many documents at most."""
WORDS = 20
"""Of an answer; RM3 takes ten terms, the paper's 40 tokens hold about this many words."""
SHORTEST = 4
"""Characters of a word that says something."""
DOCUMENT = re.compile(r"<(document-\w+)>\n(.*?)\n</\1>", re.DOTALL)


def frequent_words(request: Request) -> str:
    """The words that occur in most of the quoted documents, then most often."""
    documents = [found[2].lower() for found in DOCUMENT.finditer(request.messages[-1]["content"])]
    bags = [Counter(word for word in re.findall(r"[a-z]+", text) if len(word) >= SHORTEST) for text in documents]
    counts = sum(bags, Counter[str]())
    spread = Counter(word for bag in bags for word in bag)
    ranked = sorted(counts, key=lambda word: (-spread[word], -counts[word], word))
    return ", ".join([word for word in ranked if word not in STOPWORDS][:WORDS])


Runs = dict[str, dict[str, list[Hit]]]


async def rank(data: Path, system: str, model: str | None, limit: int | None) -> tuple[Runs, dict[str, list[str]]]:
    """The rankings before and after, and what was shown, by query."""
    feedback, k = SYSTEMS[system]
    qrels = read_qrels(data / "qrels.txt")
    topics = read_topics(data / "topics.tsv")
    rows = [{"qid": qid, "query": topics[qid]} for qid in qrels if qid in topics][:limit]
    context = genqr.Context(
        solver=load_solver(model or ScriptedModel(frequent_words)),
        retriever=BM25(data / "corpus.jsonl.gz"),
        # The script answers every instruction alike.
        instructions=load_lines("genqr/instructions")[: None if model else 1],
        **genqr.preset("ensemble_mix"),
        feedback=feedback,
        feedback_k=k,
        oracle=QrelsOracle(qrels),
    )
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        await jobs.run(genqr.graph, rows, context, out, concurrency=16)
        runs: Runs = {"bm25": {}, system: {}}
        shown: dict[str, list[str]] = {}
        for row in jobs.Run.open(out).rows():
            qid, output = row["input"]["qid"], row["output"]
            runs["bm25"][qid] = [Hit(*hit) for hit in output["baseline"]]
            runs[system][qid] = [Hit(*hit) for hit in output["hits"]]
            shown[qid] = [one["docid"] for one in output["feedback"] if one["used"]]
    return runs, shown


def told(rows: list[Row]) -> dict[str, Any]:
    """Rows of a comparison by measure and system."""
    found: dict[str, Any] = {}
    for row in rows:
        entry: dict[str, Any] = {"mean": round(row.mean, 4), "queries": row.asked}
        if row.paired is not None:
            paired = asdict(row.paired)
            entry |= {name: round(paired[name], 4) for name in ("difference", "p_randomisation")}
            entry |= {name: paired[name] for name in ("wins", "ties", "losses")}
        found.setdefault(row.measure, {})[row.system] = entry
    return found


async def report(data: Path, model: str | None, limit: int | None, folder: Path | None) -> dict[str, Any]:
    """A collection's scores."""
    runs: Runs = {}
    shown: dict[str, dict[str, list[str]]] = {}
    for system in SYSTEMS:
        found, shown[system] = await rank(data, system, model, limit)
        runs |= found
        print(data.name, system, file=sys.stderr, flush=True)
    qrels = {qid: grades for qid, grades in read_qrels(data / "qrels.txt").items() if qid in runs["bm25"]}
    for name, run in runs.items() if folder else ():
        write_run((folder or data) / f"{data.name}.{name}.run", run, name)
    residuals: dict[str, Any] = {}
    for system in (name for name, (feedback, _) in SYSTEMS.items() if feedback == "oracle"):
        left = residual(qrels, {name: runs[name] for name in ("bm25", system)}, shown[system])
        scored = compare(left.qrels, left.runs, baseline="bm25", measures=MEASURES) if left.qrels else []
        residuals[system] = {"exhausted": len(left.exhausted), **told(scored)}
    return {"plain": told(compare(qrels, runs, baseline="bm25", measures=MEASURES)), "residual": residuals}


async def reports(found: list[Path], model: str | None, limit: int | None, folder: Path | None) -> dict[str, Any]:
    """Every collection's scores."""
    try:
        return {data.name: await report(data, model, limit, folder) for data in found}
    finally:
        await close_models()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=Path, help="folder for the TREC runs")
    parser.add_argument("--model", help="a real solver; needs time")
    parser.add_argument("--limit", type=int, help="only the first N judged queries of each collection")
    parser.add_argument("--json", action="store_true", help="accepted for uniformity: the last line is JSON anyway")
    parser.add_argument("--full", action="store_true", help="accepted for uniformity")
    options = parser.parse_args()
    if options.rows:
        options.rows.mkdir(parents=True, exist_ok=True)
    found = sorted(path.parent for path in options.data.glob("*/qrels.txt"))
    scored = asyncio.run(reports(found, options.model, options.limit, options.rows))
    solver = options.model or "script: frequent words of the feedback documents"
    print(json.dumps({"solver": solver, "headline": "residual", "collections": scored} | facts("dikast")))


if __name__ == "__main__":
    main()
