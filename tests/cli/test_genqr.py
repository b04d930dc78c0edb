from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from dikast.agents.solver import load_solver
from dikast.cli import genqr_options as own
from dikast.graphs import genqr
from dikast.graphs.genqr.presets import Method
from dikast.graphs.genqr.records import Form, Kind
from dikast.graphs.genqr.selection import By
from dikast.retrieval.combine import Combination, Damping
from dikast.retrieval.fusion import Normalization
from dikast.retrieval.load import load_retriever
from dikast.retrieval.relevance import FEATURES
from tests.cli.conftest import Cli, Ran

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
    given = [item for name, path in files.items() for item in (f"--{path.stem}", str(files[name]))]
    return ["genqr", "run", *given, "--model", "scripted:script:shout", *more]


def scores(ran: Ran) -> dict[str, Any]:
    told = json.loads(ran.out)
    return {row["measure"]: row for row in told["comparison"] if row["system"] == "after"}


def test_known_synonyms_help_and_noise_in_a_mix_hurts_little(cli: Cli) -> None:
    """Noise: words drawn at random from the collection's own vocabulary, others for each instruction and query."""
    helped = scores(cli("genqr", "run", "--collection", "sample", "--model", "scripted:script:synonyms", "--json"))
    assert helped["nDCG@10"]["paired"]["difference"] >= 0.15
    noisy = ["--collection", "sample", "--model", "scripted:script:noise", "--combination", "mix", "-o", "noise"]
    hurt = scores(cli("genqr", "run", *noisy, "--json"))
    assert hurt["nDCG@10"]["paired"]["difference"] >= -0.03
    assert hurt["nDCG@10"]["asked"] == 30


@pytest.mark.parametrize("mode", ["ensemble", "fusion"])
def test_a_users_own_files(cli: Cli, files: dict[str, Path], tmp_path: Path, mode: str) -> None:
    ran = cli(*arguments(files, "--mode", mode, "-o", "out"))
    assert ran.code == 0, ran.err
    assert "nDCG@10\t2\t" in ran.out
    before = (tmp_path / "out/export/before.run").read_text(encoding="utf-8").splitlines()
    after = (tmp_path / "out/export/after.run").read_text(encoding="utf-8").splitlines()
    assert before[0].split()[:4] == ["q1", "Q0", "d1", "1"]
    assert len(after) > len(before)


def test_the_same_command_again_asks_nobody(cli: Cli, files: dict[str, Path]) -> None:
    assert "20 calls" in cli(*arguments(files, "--cache", "off")).err
    again = cli(*arguments(files, "--cache", "off"))
    assert again.code == 0
    assert "20 calls" in again.err


def test_another_weighting_asks_nobody(cli: Cli, files: dict[str, Path]) -> None:
    cli(*arguments(files, "-o", "one"))
    other = cli(*arguments(files, "-o", "two", "--combination", "mix", "--mixing", "0.2", "--json"))
    usage = json.loads(other.out)["summary"]["usage"]["solver"]
    # Two queries of ten instructions: the replies are all in the cache.
    assert usage.get("calls", 0) == 0
    assert usage["cached_calls"] == 20


def test_other_settings_in_the_same_folder_are_refused(cli: Cli, files: dict[str, Path], tmp_path: Path) -> None:
    cli(*arguments(files, "-o", "x"))
    refused = cli(*arguments(files, "-o", "x", "--max-terms", "5"))
    assert refused.code == 2
    assert "max_terms was 1024, is now 5" in refused.err
    assert cli(*arguments(files, "-o", "x", "--max-terms", "5", "--force-new")).code == 0
    assert (tmp_path / "x.old-1").is_dir()


def test_a_rows_story(cli: Cli, files: dict[str, Path]) -> None:
    cli(*arguments(files, "-o", "x"))
    for name in ("q1", "1"):
        story = cli("runs", "show", "x", name).out
        assert story.count("Answer with a comma-separated list") == 10
        for told in ("car dead in winter", "battery, amperage", "weighted query 1 of 1", "d2\t-\t", "tokens"):
            assert told in story
    assert cli("runs", "show", "x", "q9").code == 2
    assert json.loads(cli("runs", "show", "x", "q2", "--json").out)["input"]["qid"] == "q2"


def test_what_a_model_wrote_does_not_drive_the_terminal(cli: Cli, files: dict[str, Path]) -> None:
    cli(*arguments(files, "-o", "x", "--model", "scripted:script:driver"))
    story = cli("runs", "show", "x", "q1").out
    assert "battery" in story
    assert "\x1b" not in story


def test_failed_rows_make_exit_code_3_and_can_be_retried(cli: Cli, files: dict[str, Path]) -> None:
    failed = cli(*arguments(files, "-o", "x", "--model", "scripted:script:slow"))
    assert failed.code == 3
    assert "2 timeout" in failed.err
    assert "dikast runs retry x" in failed.err
    retried = cli("runs", "retry", "x")
    assert retried.code == 3
    listed = json.loads(cli("runs", "list", ".", "--json").out)
    assert [(run["asked"], run["outcomes"]) for run in listed] == [(2, {"timeout": 2})]


def test_preview_and_dry_run_leave_nothing_behind(cli: Cli, files: dict[str, Path], tmp_path: Path) -> None:
    as_json = json.loads(cli(*arguments(files, "--preview", "2", "-o", "x", "--json")).out)
    assert [row["input"]["qid"] for row in as_json] == ["q1", "q2"]
    shown = cli(*arguments(files, "--preview", "1", "-o", "x"))
    assert "keywords by instruction" in shown.out
    owed = json.loads(cli(*arguments(files, "--dry-run", "--json", "--price", "1,2", "-o", "x")).out)
    assert (owed["rows owed"], owed["calls at most"], owed["output tokens at most"]) == (2, 20, 800)
    assert owed["cost at most, about"] == pytest.approx((owed["input tokens, about"] + 1600) / 1e6)
    assert not (tmp_path / "x").exists()


def test_settings_flag_over_environment_over_config_over_project_file(
    cli: Cli, files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_model = arguments(files)[:-2]

    def solver_of(*more: str) -> str:
        cli(*without_model, "--force-new", "-o", "x", *more)
        manifest = json.loads((tmp_path / "x/manifest.json").read_text(encoding="utf-8"))
        return f"{manifest['context']['solver']} {manifest['context']['mode']}"

    (tmp_path / "dikast.toml").write_text('[genqr.run]\nmode = "fusion"\nsolver = "scripted:script:noise"\n')
    assert solver_of() == "scripted:script:noise fusion"
    (tmp_path / "run.toml").write_text('mode = "ensemble"\nsolver = "scripted:script:slow"\n')
    assert solver_of("--config", "run.toml") == "scripted:script:slow ensemble"
    monkeypatch.setenv("DIKAST_SOLVER", "scripted:script:driver")
    assert solver_of("--config", "run.toml") == "scripted:script:driver ensemble"
    assert solver_of("--config", "run.toml", "--solver", "scripted:script:shout") == "scripted:script:shout ensemble"


def test_a_config_with_a_typo_is_told(cli: Cli, files: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('mdoe = "fusion"\n', encoding="utf-8")
    ran = cli(*arguments(files, "--config", "run.toml"))
    assert (ran.code, "run.toml: field 'mdoe'" in ran.err, "'mode'" in ran.err) == (1, True, True)
    (tmp_path / "run.toml").write_text("mode = \n", encoding="utf-8")
    assert "not TOML" in cli(*arguments(files, "--config", "run.toml")).err


def test_columns_of_a_users_csv(cli: Cli, files: dict[str, Path], tmp_path: Path) -> None:
    files["topics.tsv"] = tmp_path / "topics.csv"
    files["topics.tsv"].write_text('number,question\nq1,"dead car, in winter"\n', encoding="utf-8")
    ran = cli(*arguments(files, "--columns", "query=question,qid=number"))
    assert ran.code == 0, ran.err
    wrong = cli(*arguments(files, "--columns", "query=frage", "-o", "y"))
    assert "field 'frage'" in wrong.err
    assert "question" in wrong.err


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("corpus.jsonl", b"", ["corpus.jsonl"]),
        ("corpus.jsonl", b'{"id": "a", "contents": "x"}\n{"id": "a", "contents": "y"}\n', ["corpus.jsonl:2", "'a'"]),
        ("corpus.jsonl", b'{"id": "a", "contents": "\xff\xfe"}\n', ["corpus.jsonl:1", "UTF-8"]),
        ("corpus.jsonl", b'{"id": "a"}\n', ["corpus.jsonl:1", "contents"]),
        ("corpus.jsonl", b'{"id": "a", "contents": "x"}\n{"id": "b", "cont', ["corpus.jsonl:2"]),
        ("corpus.jsonl", gzip.compress(b'{"id": "a"}')[:-4], ["corpus.jsonl"]),
        ("topics.tsv", b"", ["topics.tsv"]),
        ("topics.tsv", b"q1 no tab here\n", ["topics.tsv:1"]),
        ("topics.tsv", b"q1\ta\nq1\tb\n", ["topics.tsv:2", "q1"]),
        ("topics.tsv", b"\xff\xfe\n", ["topics.tsv:1", "UTF-8"]),
        ("qrels.txt", b"q1 0 d1 2 surplus\n", ["qrels.txt:1"]),
        ("qrels.txt", b"q1 0 d1 high\n", ["qrels.txt:1"]),
        ("qrels.txt", b"other 0 d1 1\n", ["qrels.txt", "query ids"]),
    ],
)
def test_broken_files_are_told_in_one_line(
    cli: Cli, files: dict[str, Path], name: str, content: bytes, told: list[str]
) -> None:
    files[name].write_bytes(content)
    ran = cli(*arguments(files))
    assert ran.code in (1, 2), ran
    assert ran.out == ""
    assert "Traceback" not in ran.err
    lines = [line for line in ran.err.splitlines() if not line.startswith("note:")]
    assert len(lines) <= 2, lines
    for word in told:
        assert word in ran.err


@pytest.mark.parametrize("missing", ["corpus.jsonl", "topics.tsv", "qrels.txt"])
def test_a_file_that_is_not_there(cli: Cli, files: dict[str, Path], missing: str) -> None:
    files[missing].unlink()
    ran = cli(*arguments(files))
    assert ran.code in (1, 2)
    assert missing in ran.err


def test_a_topic_without_judgments_is_told_and_not_scored(cli: Cli, files: dict[str, Path]) -> None:
    files["qrels.txt"].write_text("q1 0 d1 1\n", encoding="utf-8")
    ran = cli(*arguments(files))
    assert ran.code == 0
    assert "1 of 2 queries have no judgments and are not scored: q2" in ran.err
    assert "nDCG@10\t1\t" in ran.out


def test_a_document_of_10_megabytes(cli: Cli, files: dict[str, Path]) -> None:
    big = {"id": "big", "contents": "winter amperage " * 650_000}
    with files["corpus.jsonl"].open("a", encoding="utf-8") as file:
        file.write(json.dumps(big) + "\n")
    assert cli(*arguments(files)).code == 0


@pytest.mark.parametrize("text", ["the of and", 'title:"car" AND (x^2 OR y~) [a TO b] {"', "?", "x" * 10_000])
def test_queries_that_break_other_tools(cli: Cli, files: dict[str, Path], text: str) -> None:
    files["topics.tsv"].write_text(f"q1\t{text}\n", encoding="utf-8")
    ran = cli(*arguments(files))
    assert ran.code == 0, ran.err


@pytest.mark.parametrize(
    ("more", "code", "told"),
    [
        (["--model", "opnvino:x"], 2, "did you mean 'openvino:'"),
        (["--model", "openvino:smollm"], 2, "smollm2-135m"),
        (["--model", "server:http://127.0.0.1:9/v1#m?retries=0"], 4, "127.0.0.1:9"),
        (["--model", "server:nonsense"], 2, "http://host:8000/v1"),
        (["--model", "scripted:script:nobody"], 2, "nobody"),
        (["--mode", "magic"], 2, "magic"),
        (["--mixing", "2"], 2, "mixing"),
        (["--retriever", "bm52:corpus.jsonl"], 2, "bm25"),
        (["--measures", "nDGC@10"], 2, "nDGC@10"),
        (["--price", "free"], 2, "IN,OUT"),
        (["--instructions", "absent.txt"], 1, "absent.txt"),
        (["--instructions", "corpus.jsonl"], 1, "ending in .txt"),
        (["--instructions", "empty.txt"], 1, "empty.txt: no instruction"),
        (["--instructions", "latin.txt"], 1, "latin.txt: not UTF-8 at byte 4"),
        (["-n", "11"], 2, "there are 10 instructions"),
        (["--method", "magic"], 2, "magic"),
        (["--method", "qa_expand", "--instructions", "own.txt"], 2, "makes its own questions"),
        (["--weights", "1,2", "--mode", "fusion"], 2, "2 weights for 10 rankings"),
        (["--weights", "a"], 2, "write numbers"),
        (["--samples", "7"], 2, "70 reformulations of a query: 64 at most"),
    ],
)
def test_wrong_options_are_told(
    cli: Cli, files: dict[str, Path], tmp_path: Path, more: list[str], code: int, told: str
) -> None:
    (tmp_path / "empty.txt").write_text("# nothing\n\n", encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes(b"R\xc3\xa9v\xe9")
    ran = cli(*arguments(files, *more))
    assert (ran.code, "Traceback" in ran.err) == (code, False), ran.err
    assert told in ran.err


@pytest.mark.parametrize("kind", ["pseudo", "oracle", "critic"])
def test_feedback(cli: Cli, files: dict[str, Path], kind: str) -> None:
    ran = cli(*arguments(files, "--feedback", kind, "--critic", "scripted:script:grader", "-o", "x"))
    assert ran.code == 0, ran.err
    row = json.loads(cli("runs", "show", "x", "q1", "--json").out)
    used = [one["docid"] for one in row["output"]["feedback"] if one["used"]]
    assert used[0] == "d1"
    assert ("critic" in row["usage"]) == (kind == "critic")
    assert "given context" in cli("runs", "show", "x", "q1").out


def test_an_oracles_headline_is_the_residual_collections(cli: Cli, files: dict[str, Path]) -> None:
    """q1 is shown d1 of its two relevant documents; q2's only one is shown, so nothing is left to find for it."""
    ran = cli(*arguments(files, "--feedback", "oracle", "--feedback-k", "1", "--json"))
    told = json.loads(ran.out)
    assert (told["evaluation"], told["exhausted"]) == ("residual", 1)
    [plain] = [row for row in told["plain"] if (row["measure"], row["system"]) == ("nDCG@10", "after")]
    [left] = [row for row in told["comparison"] if (row["measure"], row["system"]) == ("nDCG@10", "after")]
    assert (plain["asked"], left["asked"]) == (2, 1)
    # "battery, amperage" finds d2, first of what is left of q1.
    assert left["mean"] == pytest.approx(1.0)
    table = cli(*arguments(files, "--feedback", "oracle", "--feedback-k", "1"))
    assert table.out.count("nDCG@10") == 2
    assert "1 queries have no relevant document left" in table.err
    assert table.err.index("residual collection") < table.err.index("plain scores")
    assert json.loads(cli(*arguments(files, "-o", "plain", "--json")).out)["evaluation"] == "plain"


def test_an_oracle_that_shows_everything_leaves_nothing_to_score(cli: Cli, files: dict[str, Path]) -> None:
    ran = cli(*arguments(files, "--feedback", "oracle"))
    assert (ran.code, "there is no residual score" in ran.err) == (0, True)
    assert json.loads(cli(*arguments(files, "--feedback", "oracle", "--json")).out)["comparison"] == []


def test_a_method_is_settings_that_flags_override(cli: Cli, files: dict[str, Path], tmp_path: Path) -> None:
    def made(*more: str) -> dict[str, Any]:
        ran = cli(*arguments(files, "--force-new", "-o", "x", *more))
        assert ran.code == 0, ran.err
        manifest = json.loads((tmp_path / "x/manifest.json").read_text(encoding="utf-8"))
        return manifest["context"]

    mugi = made("--method", "mugi")
    assert (mugi["samples"], mugi["combination"], mugi["reply"]) == (5, "mugi", "passage")
    assert mugi["sampling"]["max_tokens"] == 1024
    fewer = made("--method", "mugi", "--samples", "2", "--temperature", "0")
    assert (fewer["samples"], fewer["combination"]) == (2, "mugi")
    assert (fewer["sampling"]["max_tokens"], fewer["sampling"]["temperature"]) == (1024, 0)
    (tmp_path / "dikast.toml").write_text('[genqr.run]\nsamples = 3\nmethod = "mugi"\n', encoding="utf-8")
    assert made()["samples"] == 3
    (tmp_path / "own.txt").write_text("# mine\nWrite an abstract\n", encoding="utf-8")
    assert made("--instructions", "own.txt")["instructions"] == ["Write an abstract"]


def test_the_commands_defaults_are_the_graphs(cli: Cli, files: dict[str, Path], tmp_path: Path) -> None:
    assert cli(*arguments(files, "-o", "x")).code == 0
    manifest = json.loads((tmp_path / "x/manifest.json").read_text(encoding="utf-8"))
    plain = genqr.Context(solver=load_solver("scripted:script:shout"), retriever=load_retriever("bm25:x"))
    told = json.loads(plain.model_dump_json())
    assert {**manifest["context"], "retriever": told["retriever"]} == told


@pytest.mark.parametrize(
    ("option", "choices"),
    [
        (own.Method, Method),
        (own.Combination, Combination),
        (own.Select, By),
        (own.Feedback, Kind),
        (own.ReplyForm, Form),
        (own.Normalize, Normalization),
        (own.Damping, Damping),
    ],
)
def test_the_commands_choices_are_the_graphs(option: Any, choices: Any) -> None:
    """They are written out in the command so that its help needs no graph."""
    offered = get_args(option)[0]
    named = get_args(offered) if get_origin(offered) is Literal else get_args(get_args(offered)[0])
    assert set(named) == set(get_args(choices))


@pytest.mark.parametrize(
    ("more", "calls"),
    [
        (["--method", "qa_expand"], 3 + 1 + 1),
        (["--method", "csqe", "--fluent"], 4 + 1),
        (["--select", "judge", "-n", "2", "--with-original"], 2 + 3),
        (["--feedback", "critic", "-n", "2"], 2 + 10),
        (["--feedback", "critic", "-n", "2", "--critic", "list+scripted:script:grader"], 2 + 1),
    ],
)
def test_a_dry_run_counts_every_call_of_a_row(cli: Cli, files: dict[str, Path], more: list[str], calls: int) -> None:
    owed = json.loads(cli(*arguments(files, "--dry-run", "--json", *more)).out)
    assert owed["calls at most"] == 2 * calls


def test_combinations_weights_and_choice_from_the_command_line(cli: Cli, files: dict[str, Path]) -> None:
    fused = ["--mode", "fusion", "-n", "2", "--with-original", "--weights", "1,0,2", "-o", "f"]
    assert cli(*arguments(files, *fused)).code == 0
    output = json.loads(cli("runs", "show", "f", "q1", "--json").out)["output"]
    assert len(output["queries"]) == 3
    chosen = ["--select", "judge", "--judge", "scripted:script:lenient", "--distinct", "1", "-o", "c"]
    assert cli(*arguments(files, *chosen)).code == 0
    story = cli("runs", "show", "c", "q1").out
    assert "chosen by judge" in story
    assert "near-duplicate of reformulation 1" in story
    assert cli(*arguments(files, "--fluent", "--combination", "lamer", "-o", "l")).code == 0
    assert "fluent query for people" in cli("runs", "show", "l", "q1").out


@pytest.mark.parametrize(
    ("who", "more"),
    [("judge", ["--select", "judge", "-n", "3"]), ("critic", ["--feedback", "critic", "--feedback-pool", "5"])],
)
def test_grades_that_were_not_given_are_told(cli: Cli, files: dict[str, Path], who: str, more: list[str]) -> None:
    """`shout` answers with keywords, whatever it is asked: the rows are ok, and nothing was chosen by a grade."""
    asked = arguments(files, *more, f"--{who}", "scripted:script:shout", "-o", "x")
    assert f"note: the {who} gave no grade to" in (ran := cli(*asked)).err, ran.err
    without, looked_at = json.loads(cli(*asked, "--json").out)["ungraded"][who]
    assert 0 < without == looked_at
    graded = arguments(files, *more, f"--{who}", f"scripted:script:{'lenient' if who == 'judge' else 'grader'}")
    assert json.loads(cli(*graded, "-o", "y", "--json").out)["ungraded"] == {}


def test_an_oracle_needs_judgments(cli: Cli, files: dict[str, Path]) -> None:
    given = arguments({name: path for name, path in files.items() if name != "qrels.txt"}, "--feedback", "oracle")
    ran = cli(*given)
    assert (ran.code, "--qrels" in ran.err) == (2, True)


def test_a_run_is_drawn_with_its_numbers(cli: Cli, files: dict[str, Path], tmp_path: Path) -> None:
    cli(*arguments(files, "-o", "x", "--limit", "2", "-n", "3"))
    drawn = cli("genqr", "plot", "x", "--as", "both", "--json")
    assert drawn.code == 0, drawn.err
    folder = tmp_path / "x/export/plots"
    names = ("differences", "fusion", "instructions")
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        f"{name}.{form}" for name in names for form in ("csv", "png", "svg")
    )
    table = (folder / "instructions.csv").read_text(encoding="utf-8").splitlines()
    assert table[0] == "reformulations,mean,low,high"
    assert [line.split(",")[0] for line in table[1:]] == ["1", "2", "3"]
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert cli("genqr", "plot", "x", "--as", "both").code == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    moved = (folder / "differences.csv").read_text(encoding="utf-8").splitlines()[1].split(",")
    assert float(moved[2]) - float(moved[1]) == pytest.approx(float(moved[3]))


def test_what_cannot_be_drawn_is_told(cli: Cli, files: dict[str, Path]) -> None:
    unjudged = {name: path for name, path in files.items() if name != "qrels.txt"}
    cli(*arguments(unjudged, "-o", "x"))
    ran = cli("genqr", "plot", "x")
    assert (ran.code, "--qrels FILE" in ran.err) == (2, True)
    files["qrels.txt"].write_text("other 0 d1 1\n", encoding="utf-8")
    assert "no finished row has judgments" in cli("genqr", "plot", "x", "--qrels", files["qrels.txt"]).err
    assert cli("genqr", "plot", "absent").code == 1


def test_selection_is_learnt_from_judged_queries_and_used_for_others(
    cli: Cli, files: dict[str, Path], tmp_path: Path
) -> None:
    cli(*arguments(files, "-o", "x", "-n", "2"))
    learnt = cli("genqr", "learn", "x", "-o", "weights.json", "--json")
    assert learnt.code == 0, learnt.err
    told = json.loads(learnt.out)
    assert told == json.loads((tmp_path / "weights.json").read_text(encoding="utf-8"))
    assert (set(told["weights"]), told["queries"]) == (set(FEATURES), ["q1", "q2"])
    assert any(told["weights"].values())
    chosen = ["-n", "2", "--select", "evidence", "--select-weights", "weights.json", "-o", "y"]
    ran = cli(*arguments(files, *chosen))
    assert (ran.code, "learnt from 2 of these queries" in ran.err) == (0, True), ran.err
    manifest = json.loads((tmp_path / "y/manifest.json").read_text(encoding="utf-8"))
    assert manifest["context"]["evidence_weights"] == told["weights"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "weights.json: Invalid JSON"),
        ('{"weights": {"length": "much"}, "queries": []}', "field 'weights.length'"),
        ('{"weights": {"length": 1}, "queries": []}', "has to name these features"),
        (None, "weights.json: cannot be read"),
    ],
)
def test_a_broken_file_of_weights_is_told(
    cli: Cli, files: dict[str, Path], tmp_path: Path, content: str | None, told: str
) -> None:
    if content is not None:
        (tmp_path / "weights.json").write_text(content, encoding="utf-8")
    ran = cli(*arguments(files, "--select", "evidence", "--select-weights", "weights.json"))
    assert (ran.code in (1, 2), told in ran.err, "Traceback" in ran.err) == (True, True, False), ran.err
