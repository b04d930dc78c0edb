"""A cluster of one node, which this process has joined; commands may join it by its address."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from dikast.jobs.engines import ray as engine

SECONDS = 120.0
HEAD = {"num_cpus": 4, "include_dashboard": False, "object_store_memory": 80 << 20}
"""Of object stores, Ray wants 75 MB at least."""
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    """Room for four workers."""
    ray = engine.load_ray()
    made = import_module("ray.cluster_utils").Cluster(initialize_head=True, head_node_args=HEAD)
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    yield made
    ray.shutdown()
    made.shutdown()


def start(*arguments: object, folder: Path = ROOT, **variables: str) -> subprocess.Popen[str]:
    """`dikast ...`, a process group of its own, as a terminal starts it."""
    command = [sys.executable, "-c", "from dikast.cli import main; main()", *map(str, arguments)]
    given = os.environ | {"PYTHONPATH": str(ROOT), "DIKAST_LANE": "ray"} | variables
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=given, text=True, stdout=pipe, stderr=pipe, start_new_session=True)


def run(*arguments: object, folder: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """The same to its end."""
    process = start(*arguments, folder=folder, **variables)
    try:
        out, told = process.communicate(timeout=SECONDS)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(process.args, process.returncode, out, told)
