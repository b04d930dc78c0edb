"""Which model is used when nobody names one: vLLM where there is a GPU for it, else the embedded model on the CPU."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from typing import NamedTuple

from dikast.errors import MissingExtraError

GPU_SPEC = "vllm:Qwen/Qwen2.5-7B-Instruct"
"""Apache-2.0, fits a 24 GiB card in bfloat16, and one of the models that GenQREnsemble was replicated with."""
CPU_SPEC = "openvino:smollm2-135m"
"""Apache-2.0, 93 MB, runs on any x86 or ARM laptop. It answers badly; it is here to try things out."""


class Default(NamedTuple):
    """A model spec and why it was chosen."""

    spec: str
    why: str


def default_model() -> Default:
    """The model to use where none was named.

    Raises:
        MissingExtraError: No engine is installed.
    """
    vllm, gpu, openvino = find_spec("vllm"), has_gpu(), find_spec("openvino_genai")
    if vllm and gpu:
        return Default(GPU_SPEC, "vLLM is installed and there is a GPU")
    if openvino:
        lacking = "vLLM is not installed" if gpu else "there is no GPU"
        return Default(CPU_SPEC, f"{lacking}; OpenVINO runs on the CPU")
    raise MissingExtraError("a model engine", extra="cpu", hint="pip install 'dikast[cpu]', or name a server: --model")


def has_gpu() -> bool:
    """Whether an NVIDIA or AMD driver's tool is on the path; nothing is started."""
    return any(shutil.which(tool) for tool in ("nvidia-smi", "rocm-smi"))
