"""A run's owed requests through a real `vllm run-batch`, and back."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from dikast.agents.models.batch import OWED, ImportedResults, import_files
from dikast.agents.models.request import Sampling
from dikast.errors import ModelContextOverflow, ModelError
from tests.contract.conftest import load
from tests.contract.requests import CHOICE, FORMS, GREEDY, LOGPROBS, SAMPLES, ask
from tests.engines.vllm_lane.conftest import CONTEXT, KV_BYTES, NAME, START_SECONDS

GOOD = [GREEDY, SAMPLES, LOGPROBS[2], *FORMS.values(), ask("Stop here.", Sampling(max_tokens=8, stop=("e",)))]
TOO_LONG = ask("word " * CONTEXT)


async def test_owed_requests_go_out_once_and_come_back_by_key(weights: str, tmp_path: Path) -> None:
    model = load(f"batch:{tmp_path / 'batch'}?model=server:http://127.0.0.1:1/v1#{NAME}")
    requests = [*GOOD, TOO_LONG]
    for _ in range(2):
        ended = await asyncio.gather(*(model.complete(request) for request in requests), return_exceptions=True)
        assert all(type(end) is ModelError for end in ended), ended
    owed = tmp_path / "batch" / OWED
    assert len(owed.read_text().splitlines()) == len(requests)
    results = tmp_path / "results.jsonl"
    await asyncio.to_thread(run_batch, weights, owed, results)
    assert import_files(tmp_path / "batch", results) == ImportedResults(len(GOOD), 1, 0)
    await model.aclose()
    replies = [await model.complete(request) for request in GOOD]
    assert [len(some) for some in replies] == [request.n for request in GOOD]
    assert replies[GOOD.index(FORMS["choice"])][0].text in CHOICE
    assert replies[GOOD.index(LOGPROBS[2])][0].logprobs
    with pytest.raises(ModelContextOverflow):
        await model.complete(TOO_LONG)
    assert owed.read_text() == ""


def run_batch(weights: str, owed: Path, results: Path) -> None:
    command = [str(Path(sys.executable).with_name("vllm")), "run-batch", "-i", str(owed), "-o", str(results)]
    command += ["--model", weights, "--served-model-name", NAME, "--dtype", "float32", "--enforce-eager"]
    command += ["--max-model-len", str(CONTEXT), "--kv-cache-memory-bytes", str(KV_BYTES)]
    ran = subprocess.run(command, timeout=START_SECONDS, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert all("custom_id" in json.loads(line) for line in results.read_text().splitlines())
