"""Methods by their own commands, over workers: the journal is what the same command makes without them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest

from tests.cli.astral.subjects import ORACLE
from tests.cli.astral.subjects import SCRIPT as SUBJECTS
from tests.cli.conftest import Cli, cli
from tests.cli.judge.pairs import COLUMNS, PAIRS
from tests.cli.judge.pairs import SCRIPT as JUDGES
from tests.cli.test_tables import MODULE as GAMERS
from tests.engines.ray_lane.conftest import ROOT, SECONDS, start
from tests.engines.ray_lane.world import below, left_of, lines, results, twice
from tests.loopback import ECHO, Loopback

__all__ = ["cli"]  # the fixture

pytestmark = pytest.mark.usefixtures("cluster")
RAY = ("--engine", "ray", "--workers", "2", "--concurrency", "4", "--cache", "off")
HERE = ("--cache", "off")


def workers_of(out: Path) -> set[str]:
    return {line["worker"] for line in lines(out)}


def test_genqr_over_two_servers_one_of_which_is_killed(tmp_path: Path, cluster: Any) -> None:
    command = [sys.executable, str(ROOT / "tests" / "loopback.py"), "--port", "0", "--seconds-per-word", "0.01"]
    killed = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert killed.stdout is not None
    other = re.search(r"http://\S+", killed.stdout.readline())
    assert other is not None
    genqr = ["genqr", "run", "--collection", "sample", "--mode", "fusion"]
    try:
        with Loopback(seconds_per_word=0.01) as stays:
            both = ["--model", f"server:{stays.url},{other[0]}#{ECHO}", "--out", tmp_path / "x"]
            job = start(*genqr, *both, *RAY, "--ray-address", cluster.address)
            end = time.monotonic() + SECONDS
            while len(stays.bodies) < 20:
                assert job.poll() is None, job.communicate()
                assert time.monotonic() < end
                time.sleep(0.02)
            killed.kill()
            at_kill = len(stays.bodies)
            _, told = job.communicate(timeout=SECONDS)
            assert job.returncode == 0, told
            assert len(stays.bodies) > at_kill
            one = ["--model", f"server:{stays.url}#{ECHO}", "--out", tmp_path / "local"]
            alone = start(*genqr, *one, *HERE)
            _, told = alone.communicate(timeout=SECONDS)
            assert alone.returncode == 0, told
    finally:
        killed.kill()
        killed.communicate()
    assert len(workers_of(tmp_path / "x")) == 2
    assert twice(tmp_path / "x") == []
    assert said(results(tmp_path / "x")) == said(results(tmp_path / "local"))


def test_games_over_hidden_tables_have_a_sandbox_in_each_worker_which_dies_with_it(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "gamer.py").write_text(GAMERS, encoding="utf-8")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "t.csv").write_text("name,points\nann,3\nbob,7\n", encoding="utf-8")
    rows = [f"question {number}: how many rows?,t,2" for number in range(60)] + ["which names?,t,ann"]
    (tmp_path / "mine.csv").write_text("\n".join(["q,t,a", *rows]) + "\n", encoding="utf-8")
    mine = ["--questions", "mine.csv", "--columns", "question=q,table=t,answer=a", "--model", "scripted:gamer:counter"]
    told, boxes = {}, list[int]()
    killing = Thread(target=kill_a_worker, args=(tmp_path / "x", boxes), daemon=True)
    killing.start()
    for out, how in (("x", RAY), ("local", HERE)):
        ran = cli("tables", "run", *mine, "--out", out, "--json", *how)
        assert ran.code == 0, ran.err
        told[out] = json.loads(ran.out)["categories"]
    killing.join(SECONDS)
    assert boxes
    assert left_of(boxes) == []
    assert told["x"] == told["local"]
    assert len(workers_of(tmp_path / "x")) >= 2
    assert said(results(tmp_path / "x")) == said(results(tmp_path / "local"))


def kill_a_worker(out: Path, boxes: list[int]) -> None:
    """Kill one that has done rows, in the middle; `boxes` are the processes that it had started."""
    while not (out / "rows.jsonl").exists() or len(lines(out)) < 10:
        time.sleep(0.02)
    worker = int(lines(out)[0]["worker"].rpartition("/")[2])
    boxes += below(worker)
    os.kill(worker, signal.SIGKILL)


def said(found: Any) -> Any:
    """Results without seconds, and without the model's name, which is the servers' addresses."""
    if isinstance(found, dict):
        given = cast(dict[str, Any], found)
        return {name: said(value) for name, value in given.items() if name not in ("seconds", "model")}
    return [said(value) for value in cast(list[Any], found)] if isinstance(found, list | tuple) else found


def test_pairs_are_judged(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "judges.py").write_text(JUDGES, encoding="utf-8")
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in PAIRS), encoding="utf-8")
    models = ["--judge", "scripted:judges:right", "--solver", "scripted:judges:right"]
    judge = ["judge", "run", "--pairs", "pairs.jsonl", "--columns", COLUMNS, *models]
    told = {}
    for out, how in (("x", RAY), ("local", HERE)):
        ran = cli(*judge, "--out", out, "--json", *how)
        assert ran.code == 0, ran.err
        told[out] = {name: value for name, value in json.loads(ran.out).items() if name not in ("summary", "folder")}
    assert told["x"] == told["local"] != {}
    assert said(results(tmp_path / "x")) == said(results(tmp_path / "local"))


def test_what_astral_withholds_is_in_the_private_file_alone(cli: Cli, tmp_path: Path) -> None:
    """Workers append whole lines to one file."""
    (tmp_path / "subject.py").write_text(SUBJECTS, encoding="utf-8")
    assert cli("astral", "plan", "--strength", "1", "--quota", "1", "-o", "plan.jsonl").code == 0
    astral = [
        "astral",
        "run",
        "--cases",
        "plan.jsonl",
        "--target",
        "scripted:subject:rude",
        *ORACLE,
        "--solver",
        "seeds",
    ]
    for out, how in (("x", RAY), ("local", HERE)):
        ran = cli(*astral, "--authority", "we run these", "--out", out, *how)
        assert ran.code == 0, ran.err
    kept = {out: withheld(tmp_path / out / "withheld.jsonl") for out in ("x", "local")}
    assert kept["x"] == kept["local"] != []
    assert (tmp_path / "x" / "withheld.jsonl").stat().st_mode & 0o777 == 0o600
    assert b"CANARY" not in (tmp_path / "x" / "rows.jsonl").read_bytes()
    assert len(workers_of(tmp_path / "x")) == 2


def withheld(path: Path) -> list[str]:
    return sorted(path.read_text(encoding="utf-8").splitlines())


def test_a_method_with_folders_of_its_own_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "judges.py").write_text(JUDGES, encoding="utf-8")
    rows = "".join(json.dumps({"id": str(n), "prompt": f"{n}?", "gold": str(n)}) + "\n" for n in range(40))
    (tmp_path / "prompts.jsonl").write_text(rows, encoding="utf-8")
    judge = ("--judge", "scripted:judges:right", "--solver", "transformers:none")
    ran = cli("dno", "rounds", "--prompts", "prompts.jsonl", *judge, "--engine", "ray", "--out", "x")
    assert ran.code == 2
    assert "these rows can be done in this process alone: its stages are jobs of their own" in ran.err
