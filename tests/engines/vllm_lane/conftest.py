"""The model of the vLLM lane, in this process and behind a real `vllm serve` on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkstemp
from typing import Any

import numpy as np
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
        more: Further flags.
        environment: Further environment variables.
    """

    weights: str
    more: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    log: Path = field(default_factory=lambda: Path(mkstemp(prefix="vllm-serve-")[1]))
    port: int = field(default_factory=lambda: free_port())
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        command = [str(Path(sys.executable).with_name("vllm")), "serve", self.weights, "--served-model-name", NAME]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--dtype", "float32", "--enforce-eager"]
        command += ["--max-model-len", str(CONTEXT), "--kv-cache-memory-bytes", str(KV_BYTES), *self.more]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env=os.environ | self.environment, start_new_session=True
            )
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
def adapter(weights: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter with random numbers large enough to change what the model says."""
    folder = tmp_path_factory.mktemp("adapter")
    config = json.loads(Path(weights, "config.json").read_text())
    hidden, rank = config["hidden_size"], 8
    settings = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": rank,
        "lora_alpha": 64,
        "target_modules": ["q_proj"],
    }
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    draw = np.random.default_rng(0)
    tensors: dict[str, np.ndarray] = {}
    for layer in range(config["num_hidden_layers"]):
        name = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        tensors[f"{name}.lora_A.weight"] = draw.normal(0, 0.3, (rank, hidden)).astype(np.float32)
        tensors[f"{name}.lora_B.weight"] = draw.normal(0, 0.3, (hidden, rank)).astype(np.float32)
    write_safetensors(folder / "adapter_model.safetensors", tensors)
    return folder


def write_safetensors(path: Path, tensors: dict[str, np.ndarray]) -> None:
    """The format's whole of it: a header's length, the header as JSON, the numbers."""
    header, body = {}, b""
    for name, tensor in tensors.items():
        data = tensor.tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)


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
