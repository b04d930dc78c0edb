from __future__ import annotations

import csv
import gzip
import json
import sys
from pathlib import Path

import pytest

from dikast.errors import UsageError
from dikast.retrieval.query import parse_weighted
from dikast.retrieval.sample import sample_files
from tests.cli.conftest import Cli
from tests.retrieval.data_sets import use

FILES = sample_files()


TOY = "scripted:tests.contract.encoder:toy"


COMMANDS = {
    "bm25.run": ("search", FILES.corpus, "--topics", FILES.topics, "-o"),
    "rm3.run": ("search", FILES.corpus, "--topics", FILES.topics, "--rm3", "-o"),
    "s.index": ("index", "build", FILES.corpus, "-o"),
}
made: dict[str, bytes] = {}


@pytest.fixture
def runs(cli: Cli, tmp_path: Path) -> Path:
    """Two runs and an index, which their commands make once for all tests: it takes a third of a second."""
    for name, command in COMMANDS.items():
        if name not in made:
            assert cli(*command, name).code == 0
            made[name] = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(made[name])
    return tmp_path


def test_an_index_answers_as_its_collection_does(cli: Cli) -> None:
    built = cli("index", "build", FILES.corpus, "-o", "s.index", "--json")
    assert json.loads(built.out)["documents"] == 178
    query = "black spots on bathroom wall"
    assert cli("search", "s.index", query, "--json").out == cli("search", FILES.corpus, query, "--json").out
    assert cli("search", "s.index", query, "-k", "2").out.count("\n") == 3


def test_rankings_of_topics_as_json(cli: Cli, runs: Path) -> None:
    found = json.loads(cli("search", FILES.corpus, "--topics", FILES.topics, "-k", "3", "--json").out)
    assert len(found) == 30
    assert [len(hits) for hits in found.values()] == [3] * 30
    wrote = json.loads(cli("search", FILES.corpus, "--topics", FILES.topics, "-o", "x.run", "--json").out)
    assert wrote == {"queries": 30, "found nothing": 0, "wrote": "x.run"}
    fused = json.loads(cli("fuse", "bm25.run", "rm3.run", "-o", "fused.run", "--json").out)
    assert fused == {"queries": 30, "runs": 2, "method": "rrf", "wrote": "fused.run"}


def test_a_dense_index_is_built_and_searched_alone_and_in_a_hybrid(cli: Cli) -> None:
    built = cli("index", "build", FILES.corpus, "-o", "s.dense", "--encoder", TOY, "--factory", "HNSW16", "--json")
    told = json.loads(built.out)
    assert (told["documents"], told["dimension"]) == (178, 32)
    query = "black spots on bathroom wall"
    dense = json.loads(cli("search", "faiss:s.dense", query, "--json").out)
    assert [one["score"] for one in dense] == sorted((one["score"] for one in dense), reverse=True)
    assert dense[0]["contents"]
    hybrid = json.loads(cli("search", f"hybrid:bm25:{FILES.corpus}+faiss:s.dense", query, "--json").out)
    lexical = json.loads(cli("search", FILES.corpus, query, "--json").out)
    found = {one["docid"] for one in dense} | {one["docid"] for one in lexical}
    assert {hybrid[0]["docid"], hybrid[1]["docid"]} <= found
    assert cli("search", "faiss:s.dense", "--topics", FILES.topics, "-o", "dense.run").code == 0


def test_weights_in_a_query(cli: Cli) -> None:
    plain = json.loads(cli("search", FILES.corpus, "damp mould", "--json").out)
    doubled = json.loads(cli("search", FILES.corpus, "damp^2 mould^2", "--weighted", "--json").out)
    assert [one["docid"] for one in plain] == [one["docid"] for one in doubled]
    assert doubled[0]["score"] == pytest.approx(2 * plain[0]["score"])


@pytest.mark.parametrize(
    "text", ["mexico^-1", "x^", "^2", "a^b", "a^nan", "a^inf", "a^1e999", "a^1_0", "a^٣", "ok a^2^"]
)
def test_what_is_no_weight_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no word with a weight from 0 on"):
        parse_weighted(text, str.split)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("car battery^2.5", {"car": 1, "battery": 2.5}),
        ("car^2 car", {"car": 3}),
        ("c^.5 d^1e3 x^y^2 e^0", {"c": 0.5, "d": 1000, "x^y": 2, "e": 0}),
        ("(mexico)^4.4330347E-4", {"(mexico)": 4.4330347e-4}),
        ("", {}),
    ],
)
def test_what_is_a_weight_and_what_a_word(text: str, terms: dict[str, float]) -> None:
    assert parse_weighted(text, lambda word: [word]).terms == terms


def test_fused_runs_are_the_formulas_by_hand(cli: Cli, tmp_path: Path) -> None:
    """1 / (60 + rank), ranks from 1; min-max; a query that one run lacks. Read back from the file."""
    (tmp_path / "a.run").write_text("q1 Q0 x 1 10.0 a\nq1 Q0 y 2 6.0 a\nq1 Q0 z 3 2.0 a\nq2 Q0 x 1 1.0 a\n")
    (tmp_path / "b.run").write_text("q1 Q0 y 1 3.0 b\nq1 Q0 w 2 1.0 b\n")

    def fused(*more: str) -> dict[str, float]:
        assert cli("fuse", "a.run", "b.run", "-o", "f.run", *more).code == 0
        lines = [line.split() for line in (tmp_path / "f.run").read_text(encoding="utf-8").splitlines()]
        return {docid: float(score) for qid, _, docid, _, score, _ in lines if qid == "q1"}

    by_hand = {"y": 1 / 62 + 1 / 61, "x": 1 / 61, "w": 1 / 62, "z": 1 / 63}
    assert fused() == pytest.approx(by_hand, abs=1e-12)
    weighted = {"y": 0.5 / 62 + 2 / 61, "w": 2 / 62, "x": 0.5 / 61, "z": 0.5 / 63}
    assert fused("--weights", "0.5,2") == pytest.approx(weighted, abs=1e-12)
    assert fused("--method", "combsum", "--normalize", "minmax", "--weights", "1,3") == pytest.approx(
        {"y": 3.5, "x": 1, "w": 0, "z": 0}
    )
    assert fused("--method", "combmnz", "--normalize", "none") == pytest.approx({"y": 18, "x": 10, "z": 2, "w": 1})
    zscore = fused("--method", "combsum", "--normalize", "zscore")
    assert zscore == pytest.approx({"x": 1.5**0.5, "y": 1.0, "w": -1.0, "z": -(1.5**0.5)})
    assert set(fused("--depth", "1")) == {"x"}


def test_runs_are_written_fused_and_measured(cli: Cli, runs: Path) -> None:
    assert cli("fuse", "bm25.run", "rm3.run", "-o", "fused.run", "--weights", "2,1").code == 0
    told = cli("measure", FILES.qrels, "bm25.run", "rm3.run", "fused.run", "--baseline", "bm25.run", "--json")
    rows = {(row["measure"], row["system"]): row for row in json.loads(told.out)}
    assert rows["nDCG@10", "bm25"]["paired"] is None
    assert rows["MAP", "rm3"]["paired"]["difference"] == pytest.approx(
        rows["MAP", "rm3"]["mean"] - rows["MAP", "bm25"]["mean"]
    )
    assert rows["R@100", "fused"]["asked"] == 30
    for form, mark in (("markdown", "| --- |"), ("latex", r"\toprule"), ("csv", "measure,system")):
        assert mark in cli("measure", FILES.qrels, "bm25.run", "--as", form).out


def test_every_querys_value_and_all_pairs_of_runs(cli: Cli, runs: Path) -> None:
    assert cli("fuse", "bm25.run", "rm3.run", "-o", "third.run").code == 0
    files = ("bm25.run", "rm3.run", "third.run")
    asked = ("--measures", "ndcg_cut_10,RR", "--tukey", "--by-query", "values.csv")
    told = json.loads(cli("measure", FILES.qrels, *files, *asked, "--json").out)
    with Path("values.csv").open(encoding="utf-8", newline="") as file:
        values = list(csv.DictReader(file))
    for row in told["rows"]:
        found = [
            float(one["value"]) for one in values if (one["measure"], one["system"]) == (row["measure"], row["system"])
        ]
        assert len(found) == row["asked"] == 30
        assert sum(found) / 30 == pytest.approx(row["mean"])
    assert [(pair["first"], pair["second"]) for pair in told["pairs"]] == 2 * [
        ("bm25", "rm3"),
        ("bm25", "third"),
        ("rm3", "third"),
    ]
    for form, mark in (("markdown", "| p (Tukey) |"), ("latex", "p (Tukey)"), ("csv", "low,high,p_tukey")):
        assert mark in cli("measure", FILES.qrels, *files, "--tukey", "--as", form).out


def test_a_document_that_is_the_query_is_taken_out_where_that_is_asked(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "own.run").write_text("a Q0 a 1 2 t\na Q0 b 2 1 t\n", encoding="utf-8")
    (tmp_path / "own.qrels").write_text("a 0 b 1\n", encoding="utf-8")
    files = ("measure", tmp_path / "own.qrels", tmp_path / "own.run", "--measures", "RR", "--json")
    assert json.loads(cli(*files).out)[0]["mean"] == 0.5
    assert json.loads(cli(*files, "--remove-query").out)[0]["mean"] == 1


def test_processes_give_the_same_run(cli: Cli, runs: Path) -> None:
    assert (
        cli("search", "s.index", "--topics", FILES.topics, "-o", "many.run", "--processes", "2", "--tag", "bm25").code
        == 0
    )
    assert (runs / "many.run").read_text(encoding="utf-8") == (runs / "bm25.run").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["search", "corpus"], 2, "--topics"),
        (["search", "absent", "x"], 1, "absent"),
        (["search", "s.index", "x", "-o", "x.run"], 2, "--topics"),
        (["search", "bm25:s.index", "x", "--rm3"], 2, "rm3:"),
        (["search", "s.torn", "x"], 1, "s.torn"),
        (["index", "build", "absent", "-o", "x"], 1, "absent"),
        (["index", "build", "absent", "-o", "x", "--encoder", "toy"], 2, "encoder spec 'toy' is unknown"),
        (["index", "build", str(FILES.corpus), "-o", "x", "--encoder", TOY, "--factory", "Flt"], 2, "'Flt'"),
        (["index", "build", str(FILES.corpus), "-o", "x", "--encoder", TOY, "--lucene"], 2, "exclude one another"),
        (["search", "faiss:s.index", "x"], 1, "search it as bm25:s.index"),
        (["search", "faiss:s.torn", "x"], 1, "s.torn: the index is torn"),
        (["fuse", "bm25.run", "-o", "x"], 2, "two runs"),
        (["fuse", "bm25.run", "rm3.run", "-o", "x", "--weights", "1"], 2, "1 weights for 2"),
        (["fuse", "bm25.run", "absent.run", "-o", "x"], 1, "absent.run"),
        (["measure", "absent", "bm25.run"], 1, "absent"),
        (["measure", str(FILES.qrels), "bm25.run", "--baseline", "rm3"], 2, "rm3"),
        (["measure", str(FILES.qrels), "bm25.run", "--measures", "nDGC@10"], 2, "nDGC@10"),
        (["measure", str(FILES.qrels), "bm25.run", "./bm25.run"], 2, "same name"),
        (["measure", str(FILES.qrels), "bm25.run", "--measures", "P@0"], 2, "cutoff is a number from 1"),
        (["measure", "absent", "absent.run", "--measures", "RBP(p=0.8)"], 2, "cannot be computed here"),
        (["measure", str(FILES.qrels), "bm25.run", "--as", "csv", "--json"], 2, "--as would do nothing"),
        (["measure", str(FILES.qrels), "bm25.run", "--tukey"], 2, "there is one"),
        (["measure", str(FILES.qrels), "bm25.run", "rm3.run", "--tukey", "--baseline", "rm3"], 2, "--baseline would"),
        (["measure", str(FILES.qrels), "bm25.run", "--by-query", "no/x.csv"], 1, "there is no folder 'no'"),
        (["search", "bm25:s.index", "x", "--k1", "3", "--b", "1"], 2, "--k1, --b would do nothing"),
        (["search", "s.index", "x", "--fb-docs", "3"], 2, "--fb-docs would do nothing: they are RM3's"),
        (["search", "rm3:s.index", "x", "--fb-terms", "3"], 2, "--fb-terms would do nothing: 'rm3:s.index' is a spec"),
        (["search", "s.index", "--topics", str(FILES.topics), "--show-terms"], 2, "would be mixed with the run"),
        (["search", "faiss:s.index", "x", "--show-terms"], 2, "does not search by terms"),
        (["search", "s.index", "x", "--topic-field", "title"], 2, "--topic-field would do nothing: it is for --topics"),
        (["search", "s.index", "x", "--tag", "t"], 2, "--tag would do nothing"),
        (["search", "s.index", "x", "--processes", "2"], 2, "--processes would do nothing"),
        (["search", "s.index", "--topics", str(FILES.topics), "--json", "--tag", "t"], 2, "--tag would do nothing"),
        (["search", "absent", "--topics", "absent", "-o", "no/x.run"], 1, "there is no folder 'no'"),
        (
            ["search", "absent", "--topics", "absent", "--tag", "my tag"],
            1,
            "tag 'my tag' is empty or holds white space",
        ),
        (["search", "s.index", "mexico^-1", "--weighted"], 2, "'mexico^-1' is no word with a weight from 0 on"),
        (["search", "s.index", "--topics", "carets.tsv", "--weighted"], 1, "carets.tsv: field 'query q7'"),
        (["index", "build", str(FILES.corpus), "-o", "x", "--factory", "Flat"], 2, "--factory would do nothing"),
        (["index", "build", str(FILES.corpus), "-o", "x", "--metric", "dot"], 2, "--metric would do nothing"),
        (["index", "build", "absent", "-o", "x", "--language", "xx"], 2, "no analysis for the language 'xx'"),
        (
            ["index", "build", "absent", "-o", "x", "--encoder", TOY, "--language", "de"],
            2,
            "--language would do nothing",
        ),
        (
            ["search", "bm25:s.index", "x", "--language", "de"],
            2,
            "--language would do nothing: 'bm25:s.index' is a spec",
        ),
        (["search", "s.index", "x", "--language", "de"], 1, "s.index: an index of language en, not de"),
        (["index", "build", str(FILES.corpus), "-o", "absent", "--add"], 1, "absent: cannot read the index"),
        (["index", "build", "absent", "-o", "s.index", "--add", "--lucene"], 2, "--add is for the index of BM25"),
        (["index", "build", "absent", "-o", "."], 2, "is a folder"),
        (["index", "build", str(FILES.corpus), "-o", "bm25.run/x"], 1, "cannot write the index"),
        (["fuse", "absent", "absent.run", "-o", "bm25.run", "--weights", "nan,1"], 2, "each has to be a finite number"),
        (["fuse", "absent", "absent.run", "-o", "bm25.run", "--weights", "1,1e999"], 2, "has to be a finite number"),
        (["fuse", "absent", "absent.run", "-o", "bm25.run", "--rrf-k", "nan"], 2, "--rrf-k nan: not a finite number"),
        (["fuse", "absent", "absent.run", "-o", "bm25.run", "--tag", "my tag"], 1, "tag 'my tag'"),
        (["fuse", "absent", "absent.run", "-o", "no/such/x.run"], 1, "there is no folder 'no/such'"),
        (["fuse", "bm25.run", "rm3.run", "-o", "x", "--normalize", "zscore"], 2, "--normalize would do nothing"),
        (["fuse", "bm25.run", "rm3.run", "-o", "x", "--method", "combsum", "--rrf-k", "9"], 2, "--rrf-k would do"),
    ],
)
def test_what_is_wrong_is_told(cli: Cli, runs: Path, arguments: list[str], code: int, told: str) -> None:
    (runs / "s.torn").write_bytes((runs / "s.index").read_bytes()[:-100])
    (runs / "carets.tsv").write_text("q6\tcar^2\nq7\tcar^nan\n")
    kept = (runs / "bm25.run").read_bytes()
    ran = cli(*arguments)
    assert (runs / "bm25.run").read_bytes() == kept
    assert (ran.code, "Traceback" in ran.err) == (code, False), ran.err
    assert told in ran.err


def test_runs_are_called_by_names_that_tell_them_apart(cli: Cli, runs: Path) -> None:
    """Anserini's names have dots, its runs end in .gz, and dikast's own are all called after.run."""
    for place in ("r1/export/after.run", "r2/export/after.run", "bm25.k1-0.9.b-0.4.run"):
        (runs / place).parent.mkdir(parents=True, exist_ok=True)
        (runs / place).write_bytes((runs / "bm25.run").read_bytes())
    (runs / "a.run.gz").write_bytes(gzip.compress((runs / "rm3.run").read_bytes()))
    given = ["r1/export/after.run", "r2/export/after.run", "bm25.k1-0.9.b-0.4.run", "a.run.gz"]
    for baseline in ("bm25.k1-0.9.b-0.4", "a.run.gz", "a", "r2/export/after.run"):
        ran = cli("measure", FILES.qrels, *given, "--baseline", baseline, "--measures", "RR,NumQ", "--json")
        rows = json.loads(ran.out)
        assert [row["system"] for row in rows if row["paired"] is None] == [
            baseline.removesuffix(".gz").removesuffix(".run")
        ] * 2
    assert {row["system"] for row in rows} == {"r1/export/after", "r2/export/after", "bm25.k1-0.9.b-0.4", "a"}
    assert {row["mean"] for row in rows if row["measure"] == "NumQ"} == {30}


def test_a_collection_by_name(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Everywhere that takes its documents, queries or judgments; what a command names itself wins."""
    use(monkeypatch)
    name = "toy/pets/test"
    assert json.loads(cli("index", "build", "--collection", name, "-o", "x.index", "--json").out)["documents"] == 2
    assert cli("search", "--collection", name, "-o", "a.run").code == 0
    assert cli("search", "x.index", "--collection", name, "-o", "b.run").code == 0
    assert (tmp_path / "a.run").read_text() == (tmp_path / "b.run").read_text()
    assert (tmp_path / "a.run").read_text().startswith("q1 Q0 d1 1 ")
    (tmp_path / "own.tsv").write_text("own1\tmany cats\nown2\tbirds\n")
    (tmp_path / "t.tsv").write_text("mine\tbirds\n")
    own = json.loads(cli("search", "own.tsv", "--collection", name, "--json").out)
    assert [one["docid"] for one in own["q1"]] == ["own1"]
    own = json.loads(cli("search", "own.tsv", "--topics", "t.tsv", "--collection", name, "--json").out)
    assert [one["docid"] for one in own["mine"]] == ["own2"]
    found = cli("search", "--collection", name, "--topic-field", "narrative", "--json")
    assert [one["docid"] for one in json.loads(found.out)["q1"]] == ["d1"]
    told = json.loads(cli("measure", "--collection", name, "a.run", "b.run", "--measures", "P@1", "--json").out)
    assert [(row["system"], row["mean"]) for row in told] == [("a", 1.0), ("b", 1.0)]
    model = "scripted:script:synonyms"
    ran = cli("genqr", "run", "--collection", name, "--model", model, "-o", "r", "--dry-run")
    assert ran.code == 0, ran.err
    no_judgments = cli("genqr", "run", "--collection", "toy/pets", "--model", model, "-o", "r", "--dry-run")
    assert "no --qrels" in no_judgments.err


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["search", "--collection", "toy/pet/test"], 1, "did you mean toy/pets/test"),
        (["search", "x.index", "cats", "--collection", "toy/pets/test"], 2, "--collection has queries of its own"),
        (["search"], 2, "nothing to search"),
        (["index", "build", "-o", "x.index"], 2, "give either a corpus or --collection NAME"),
        (["index", "build", "c", "--collection", "x", "-o", "x"], 2, "give either a corpus or --collection NAME"),
        (["measure", "a.run"], 2, "no run to measure"),
        (["measure", "--collection", "toy/pets", "a.run"], 1, "irds:toy/pets: the data set has no qrels"),
        (["genqr", "run", "--collection", "toy/pet/test", "-o", "r"], 1, "did you mean toy/pets/test"),
    ],
)
def test_what_is_wrong_with_a_collection_is_told(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], code: int, told: str
) -> None:
    use(monkeypatch)
    (tmp_path / "a.run").write_text("q1 Q0 d1 1 1.0 a\n")
    ran = cli(*arguments)
    assert (ran.code, "Traceback" in ran.err) == (code, False), ran.err
    assert told in ran.err


def test_a_collection_without_the_extra_names_it(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.run").write_text("q1 Q0 d1 1 1.0 a\n")
    monkeypatch.setitem(sys.modules, "ir_datasets", None)
    for command in (["search"], ["index", "build", "-o", "x"], ["measure", "a.run"], ["genqr", "run", "-o", "r"]):
        ran = cli(*command, "--collection", "vaswani")
        assert (ran.code, "pip install 'dikast[irds]'" in ran.err) == (4, True), ran.err


def test_an_index_is_added_to(cli: Cli, tmp_path: Path) -> None:
    lines = FILES.corpus.read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "a.jsonl").write_text("".join(lines[:100]), encoding="utf-8")
    (tmp_path / "b.jsonl").write_text("".join(lines[100:]), encoding="utf-8")
    cli("index", "build", "a.jsonl", "-o", "x.index")
    told = json.loads(cli("index", "build", "b.jsonl", "-o", "x.index", "--add", "--json").out)
    assert (told["documents"], told["added"]) == (178, 78)
    run = cli("search", "x.index", "--topics", FILES.topics).out
    assert run == cli("search", FILES.corpus, "--topics", FILES.topics).out
    again = cli("index", "build", "b.jsonl", "-o", "x.index", "--add")
    assert again.code == 1
    assert "x.index: 78 document ids are in the index already: 'cook-11', 'cook-12'" in again.err
    other = cli("index", "build", "b.jsonl", "-o", "x.index", "--add", "--language", "de")
    assert "x.index: an index of language en, not de" in other.err


def test_an_index_in_another_language(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "de.tsv").write_text("d1\tDie Häuser der Nachbarn\nd2\tDer Garten\n", encoding="utf-8")
    assert cli("index", "build", "de.tsv", "-o", "de.index", "--language", "German").code == 0
    hits = json.loads(cli("search", "de.index", "Haus", "--json").out)
    assert [one["docid"] for one in hits] == ["d1"]
    assert json.loads(cli("search", "de.index", "Haus", "--rm3", "--language", "de", "--json").out)[0]["docid"] == "d1"
    assert json.loads(cli("search", "de.tsv", "Haus", "--language", "de", "--json").out) == hits
    assert json.loads(cli("search", "de.tsv", "Haus", "--json").out) == []
    (tmp_path / "t.tsv").write_text("q1\tHaus\n")
    run = ("genqr", "run", "--topics", "t.tsv", "--model", "scripted:script:shout", "-o", "r", "--corpus")
    assert cli(*run, "de.tsv", "--language", "de").code == 0
    assert (tmp_path / "r" / "export" / "before.run").read_text(encoding="utf-8").startswith("q1 Q0 d1 1 ")
    assert "no analysis for the language 'xx'" in cli(*run, "de.tsv", "--language", "xx").err
    assert "de.index: an index of language de, not fr" in cli(*run, "de.index", "--language", "fr").err
    told = cli("search", "de.index", "Haus", "--language", "fr")
    assert (told.code, told.err.splitlines()[0]) == (1, "dikast: de.index: an index of language de, not fr")


def test_topics_of_trec_and_cast(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "t.xml").write_text('<topics><topic number="7"><query>damp</query><question>moss?</question></topic>')
    turns = [{"number": 1, "raw_utterance": "And it?", "manual_rewritten_utterance": "black spots on bathroom wall"}]
    (tmp_path / "cast.json").write_text(json.dumps([{"number": 31, "turn": turns}]))

    def found(topics: str, *more: str) -> dict[str, list[dict[str, object]]]:
        told = cli("search", FILES.corpus, "--topics", topics, "-k", "3", "--json", *more)
        return json.loads(told.out)

    def alone(query: str) -> list[str]:
        return [one["docid"] for one in json.loads(cli("search", FILES.corpus, query, "-k", "3", "--json").out)]

    def docids(found: dict[str, list[dict[str, object]]]) -> dict[str, list[object]]:
        return {qid: [one["docid"] for one in hits] for qid, hits in found.items()}

    assert docids(found("t.xml")) == {"7": alone("damp")}
    assert docids(found("t.xml", "--topic-field", "query,question")) == {"7": alone("damp moss")}
    assert docids(found("cast.json", "--topic-field", "manual")) == {"31_1": alone("black spots on bathroom wall")}
    ran = cli("search", FILES.corpus, "--topics", "cast.json", "--topic-field", "automatic")
    assert ran.code == 1
    assert "cast.json: row 1: field 'turn[1].automatic_rewritten_utterance': missing" in ran.err
    ran = cli(
        "genqr", "run", "--corpus", FILES.corpus, "--topics", "t.xml", "--topic-field", "x", "-o", "r", "--dry-run"
    )
    assert "t.xml:1: field 'x': missing or empty" in ran.err


def test_the_terms_that_feedback_adds_are_told(cli: Cli, tmp_path: Path) -> None:
    """With the parameters of the flags; searched as a weighted query, they are the expanded ranking."""
    flags = ("--fb-docs", "3", "--fb-terms", "4", "--original-weight", "0.25")
    query = "black spots on bathroom wall"
    told = json.loads(cli("search", FILES.corpus, query, "--rm3", *flags, "--show-terms", "--json").out)
    own = {"black", "spot", "bathroom", "wall"}
    assert sum(told["terms"].values()) == pytest.approx(1)
    assert list(told["terms"].values()) == sorted(told["terms"].values(), reverse=True)
    assert own < told["terms"].keys()
    assert len(told["terms"].keys() - own) <= 4
    spec = f"rm3:{FILES.corpus}?fb_docs=3&fb_terms=4&original_weight=0.25"
    assert told["hits"] == json.loads(cli("search", spec, query, "--json").out)
    assert told["hits"] != json.loads(cli("search", FILES.corpus, query, "--rm3", "--json").out)
    plain = json.loads(cli("search", FILES.corpus, f"{query} wall", "--show-terms", "--json").out)
    assert plain["terms"] == {"wall": 2, "bathroom": 1, "black": 1, "spot": 1}

    shown = cli("search", FILES.corpus, query, "--rm3", *flags, "--show-terms").out.split("\n\n")[1].splitlines()
    assert shown[0] == "term\tweight"
    assert shown[1:] == [f"{term}\t{weight:.4f}" for term, weight in told["terms"].items()]
    (tmp_path / "t.tsv").write_text(f"q1\t{query}\nq2\tunheard-of\n")
    of_topics = ("search", FILES.corpus, "--topics", "t.tsv", "--rm3", *flags, "--show-terms", "--json")
    assert json.loads(cli(*of_topics).out) == {
        "q1": {"terms": told["terms"], "hits": json.loads(cli(*of_topics, "-k", "1000").out)["q1"]["hits"]},
        "q2": {"terms": {"unheard": 1}, "hits": []},
    }
    assert json.loads(cli(*of_topics, "-o", "x.run").out)["terms"]["q1"] == told["terms"]


def test_an_index_of_trec_text_says_what_it_left_out(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "x.trec").write_text("<DOC><DOCNO>1</DOCNO><OTHER>gone</OTHER><TEXT>p < 3 <b>x</b> > 2</TEXT></DOC>\n")
    built = cli("index", "build", "x.trec", "-o", "x.index", "--json")
    assert json.loads(built.out)["left out"] == {"tags": 2, "characters outside the indexed sections": 4}
    assert "note: not indexed: 2 tags, 4 characters outside the indexed sections" in built.err
    [found] = json.loads(cli("search", "x.index", "x", "--json").out)
    assert found["contents"] == "p < 3  x  > 2"


def test_a_path_may_hold_a_question_mark(cli: Cli, tmp_path: Path) -> None:
    """The same scores as by another name, with the parameters of the flags."""
    for name in ("what?.jsonl", "plain.jsonl"):
        (tmp_path / name).write_bytes(FILES.corpus.read_bytes())
    query = ["damp mould", "--k1", "3", "--b", "1", "--json"]
    assert cli("search", "what?.jsonl", *query).out == cli("search", "plain.jsonl", *query).out
    assert (
        cli("search", "bm25:what?.jsonl?k1=3&b=1", "damp mould", "--json").out
        == cli("search", "plain.jsonl", *query).out
    )


def test_half_a_surrogate_pair_in_a_topic_is_carried(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "sur.jsonl").write_text('{"id": "q1", "text": "damp \\ud83d mould"}\n')
    assert json.loads(cli("search", FILES.corpus, "--topics", "sur.jsonl", "-k", "2", "--json").out).keys() == {"q1"}
