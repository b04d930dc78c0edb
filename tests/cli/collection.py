"""A small collection in files, and the command that asks about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

CORPUS = [
    {"id": "d1", "contents": "the battery of the car is flat in winter"},
    {"id": "d2", "contents": "cold cranking amperage of an accumulator"},
    {"id": "d3", "contents": "gardens in winter"},
]
TOPICS = "q1\tcar dead in winter\nq2\tgarden\n"
QRELS = "q1 0 d1 2\nq1 0 d2 1\nq2 0 d3 1\n"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    made = {name: tmp_path / name for name in ("corpus.jsonl", "topics.tsv", "qrels.txt")}
    made["corpus.jsonl"].write_text("".join(json.dumps(document) + "\n" for document in CORPUS), encoding="utf-8")
    made["topics.tsv"].write_text(TOPICS, encoding="utf-8")
    made["qrels.txt"].write_text(QRELS, encoding="utf-8")
    return made


def arguments(files: dict[str, Path], *more: str) -> list[str]:
    given = [item for name, path in files.items() for item in (f"--{Path(name).stem}", str(path))]
    return ["genqr", "run", *given, "--model", "scripted:script:shout", *more]
