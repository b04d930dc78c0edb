"""The command line with a Ray of its own: killed, interrupted as a terminal does it, and what is left of it then."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

from tests.engines.ray_lane import world
from tests.engines.ray_lane.conftest import SECONDS, run, start
from tests.engines.ray_lane.world import below, left_of, lines, results, twice

GRAPH = "tests.engines.ray_lane.world:graph"
ROWS = 600
AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""Ray's own helpers; they look now and then whether their node is still there, and end about a minute after it."""
ORPHANS: list[int] = []


def command(folder: Path, out: str, *more: object) -> list[object]:
    rows = folder / "rows.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in world.rows_of(ROWS)))
    return ["run", GRAPH, "--rows", rows, "--out", folder / out, "--cache", "off", "--concurrency", "8", *more]


def wait_for_rows(job: subprocess.Popen[str], out: Path) -> None:
    end = time.monotonic() + SECONDS
    while not (out / "rows.jsonl").exists() or not lines(out):
        assert job.poll() is None, job.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_killed_driver_leaves_no_process_and_its_run_is_finished_without_ray(tmp_path: Path) -> None:
    job = start(*command(tmp_path, "x", "--wait", "0.2", "--engine", "ray", "--workers", "2"))
    wait_for_rows(job, tmp_path / "x")
    processes = below(job.pid)
    assert sum(told.startswith("ray::Worker") for told in processes.values()) == 2
    job.kill()
    job.communicate()
    agents = {pid for pid, told in processes.items() if told in AGENTS}
    ORPHANS.extend(agents)
    assert left_of(processes.keys() - agents) == []
    finished = len(lines(tmp_path / "x"))
    assert 0 < finished < ROWS
    ended = run(*command(tmp_path, "x", "--wait", "0.2", "--concurrency", "64"))
    assert ended.returncode == 0, ended.stderr
    assert (len(results(tmp_path / "x")), twice(tmp_path / "x")) == (ROWS, [])


def test_ctrl_c_lets_rows_in_flight_finish_and_nothing_stays_behind(tmp_path: Path) -> None:
    """A terminal sends SIGINT to every process of its foreground group, Ray's own among them."""
    job = start(*command(tmp_path, "x", "--wait", "3", "--engine", "ray", "--workers", "2", "--json"))
    wait_for_rows(job, tmp_path / "x")
    time.sleep(1)  # the next rows are in flight
    before, processes = len(lines(tmp_path / "x")), below(job.pid)
    os.killpg(job.pid, signal.SIGINT)
    out, told = job.communicate(timeout=SECONDS)
    assert job.returncode == 130, told
    assert left_of(processes) == []
    after = lines(tmp_path / "x")
    assert before < len(after) < ROWS
    assert {line["outcome"] for line in after} == {"ok"}
    summary = json.loads(out)["summary"]
    assert (summary["stopped"], summary["finished"]) == ("interrupted", len(after))
    assert "died" not in told
    assert "ray" not in told.replace("--engine ray", "").replace("tests.engines.ray_lane", "").lower(), told


def test_rays_own_helpers_of_the_killed_driver_are_gone_by_now() -> None:
    """The last of this module: they had the time that the tests above took."""
    assert ORPHANS
    assert left_of(ORPHANS, 90.0) == []
