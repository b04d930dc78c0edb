"""The model of the vLLM lane, in this process and behind a real `vllm serve` on loopback."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkstemp
from typing import Any

import pytest

from dikast.agents.models.load import load_model
from dikast.agents.models.vllm.model import VllmModel

WEIGHTS_VARIABLE = "DIKAST_LANE_WEIGHTS"
CONTEXT = 2048
KV_BYTES = 2**30
NAME = "smollm2"
START_SECONDS = 600.0
"""Half a minute on two idle cores, mostly imports; more where other things run."""


@pytest.fixture(scope="session")
def weights() -> str:
    """The model's folder, as `tests/engines/lanes.py` made it."""
    return os.environ[WEIGHTS_VARIABLE]


@pytest.fixture(scope="session")
def spec(weights: str) -> str:
    # Eager: compiling takes minutes on a CPU, and changes nothing that these suites look at.
    return f"vllm:{weights}?dtype=float32&max_model_len={CONTEXT}&enforce_eager=true&kv_cache_memory_bytes={KV_BYTES}"


@pytest.fixture(scope="session")
def vllm_model(spec: str) -> Iterator[VllmModel]:
    model = load_model(spec)
    assert isinstance(model, VllmModel)
    yield model
    asyncio.run(model.aclose())


@dataclass
class Serve:
    """A `vllm serve` process.

    Args:
        weights: The model's folder.
    """

    weights: str
    log: Path = field(default_factory=lambda: Path(mkstemp(prefix="vllm-serve-")[1]))
    port: int = field(default_factory=lambda: free_port())
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        command = [str(Path(sys.executable).with_name("vllm")), "serve", self.weights, "--served-model-name", NAME]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--dtype", "float32", "--enforce-eager"]
        command += ["--max-model-len", str(CONTEXT), "--kv-cache-memory-bytes", str(KV_BYTES)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        wait(self._answers, START_SECONDS)

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"vllm serve ended: {self.log.read_text(errors='replace')[-3000:]}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def kill(self) -> None:
        """Kill the server and its engine, all at once."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def held(self) -> int:
        """Requests that the server is working on."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            lines: list[str] = answer.read().decode().splitlines()
        wanted = ("vllm:num_requests_running", "vllm:num_requests_waiting{")
        return int(sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(wanted)))


@pytest.fixture(scope="session")
def serve(weights: str) -> Iterator[Serve]:
    server = Serve(weights)
    server.start()
    yield server
    server.kill()
    server.log.unlink()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait(condition: Callable[[], Any], seconds: float) -> None:
    """Poll until it holds; processes give no other sign."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.2)
