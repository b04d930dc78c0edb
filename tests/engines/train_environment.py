"""The train lane's environment: torch and transformers, for the engine and for what trains."""

from __future__ import annotations

from tests.engines.environment import Environment

REQUIREMENTS = (
    "torch==2.13.0",
    "transformers==5.24.0",
    "peft==0.21.2",
    "accelerate==1.15.0",
    "datasets==5.2.0",
    "trl==1.16.0",
    "gguf==0.19.0",
    "llguidance==1.9.1",
)
"""On Linux without a GPU's index, `pip install torch` may bring CUDA's libraries too; they are not used here."""
ENVIRONMENT = Environment("train", REQUIREMENTS)
SUITES = (
    "train_lane/contract.py",
    "train_lane/engine.py",
    "train_lane/trainer.py",
    "train_lane/tapir.py",
    "train_lane/dno.py",
    "train_lane/self_tokens.py",
    "train_lane/rlgf.py",
    "train_lane/rest_mcts.py",
    "train_lane/rest_mcts_rounds.py",
    "train_lane/rlgf_ppo.py",
    "train_lane/rlgf_rounds.py",
    "train_lane/transfer_q.py",
    "train_lane/duo.py",
    "train_lane/h2o.py",
    "train_lane/hub.py",
    "train_lane/kv_engine.py",
    "train_lane/smollm2.py",
    "train_lane/smollm2_rounds.py",
)


def prepare() -> dict[str, str]:
    """The suites' environment variables; the embedded model is there afterwards."""
    from dikast.agents.models.catalog import pull

    pull("smollm2-135m")
    # Two threads a tiny model are up to sixteen times slower than one where cores are shared.
    return {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
