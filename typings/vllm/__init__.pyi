from collections.abc import Mapping, Sequence
from typing import Any

from vllm.outputs import RequestOutput
from vllm.sampling_params import SamplingParams as SamplingParams

__version__: str

class LLM:
    def __init__(self, model: str, **options: Any) -> None: ...
    def chat(
        self,
        messages: Sequence[Sequence[Mapping[str, Any]]],
        sampling_params: SamplingParams | None = ...,
        use_tqdm: bool = ...,
    ) -> list[RequestOutput]: ...
