"""Replay published query reformulations over native BM25: which published nDCG@10 come out, to 4 decimals.

    .venv/bin/python benchmarks/genqr_replay.py --data ../shared/data/retrieval --json [--rows FOLDER]

Every `reformulations/COLLECTION/*.queries.tsv.gz` is searched as it stands, as one text a query, with the parameters
that the scores were published for, and compared with `published.json` beside it. `--rows` writes the TREC runs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from machine import facts

from dikast.retrieval.batch import search_topics
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.measures import mean, measure
from dikast.retrieval.trec import read_qrels, read_topics, write_run

DEPTH = 1000
SUFFIX = ".queries.tsv.gz"
PUBLISHED = {"ndcg_cut_10": "nDCG@10", "recall_100": "R@100"}


def replay(files: Path, collection: Path, rows: Path | None) -> list[dict[str, Any]]:
    bm25, qrels = BM25(collection / "corpus.jsonl.gz"), read_qrels(collection / "qrels.txt")
    published = json.loads((files / "published.json").read_text())
    told: list[dict[str, Any]] = []
    for path in sorted(files.glob(f"*{SUFFIX}")):
        name, topics = path.name.removesuffix(SUFFIX), read_topics(path)
        run = asyncio.run(search_topics(bm25, topics, DEPTH))
        if rows:
            write_run(rows / f"{files.name}.{name}.run", run, tag="replay")
        values = measure(qrels, run, list(PUBLISHED.values()))
        scores = {key: round(mean(values[known]), 4) for key, known in PUBLISHED.items()}
        expected = published[name]["published"]
        told.append(
            {
                "name": f"{files.name}/{name}",
                "method": published[name]["method"],
                "model": published[name]["model"],
                "published": expected["ndcg_cut_10"],
                "ours": scores["ndcg_cut_10"],
                "recall_100": {"published": expected.get("recall_100"), "ours": scores["recall_100"]},
                "reproduced": scores["ndcg_cut_10"] == expected["ndcg_cut_10"],
            }
        )
        print(name, told[-1]["published"], told[-1]["ours"], file=sys.stderr, flush=True)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--json", action="store_true", help="accepted for uniformity: the last line is JSON anyway")
    parser.add_argument("--full", action="store_true", help="accepted for uniformity")
    options = parser.parse_args()
    if options.rows:
        options.rows.mkdir(parents=True, exist_ok=True)
    folders = sorted(path.parent for path in options.data.glob("reformulations/*/published.json"))
    rows = [row for folder in folders for row in replay(folder, options.data / folder.name, options.rows)]
    reproduced = sum(row["reproduced"] for row in rows)
    print(json.dumps({"files": len(rows), "reproduced": reproduced, "rows": rows} | facts("dikast", "ir-measures")))


if __name__ == "__main__":
    main()
