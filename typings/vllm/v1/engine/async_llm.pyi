from collections.abc import AsyncGenerator
from typing import Any, Self

from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.lora.request import LoRARequest
from vllm.outputs import PoolingRequestOutput, RequestOutput
from vllm.pooling_params import PoolingParams
from vllm.renderers.base import BaseRenderer
from vllm.sampling_params import SamplingParams

class ModelConfig:
    max_model_len: int
    runner_type: str
    def try_get_generation_config(self) -> dict[str, Any]: ...

class OutputProcessor:
    def get_num_unfinished_requests(self) -> int: ...

class AsyncLLM:
    model_config: ModelConfig
    renderer: BaseRenderer
    output_processor: OutputProcessor
    @classmethod
    def from_engine_args(cls, engine_args: AsyncEngineArgs) -> Self: ...
    def generate(
        self,
        prompt: dict[str, Any],
        sampling_params: SamplingParams,
        request_id: str,
        *,
        lora_request: LoRARequest | None = ...,
        priority: int = ...,
        reasoning_parser_kwargs: dict[str, Any] | None = ...,
    ) -> AsyncGenerator[RequestOutput]: ...
    def encode(
        self,
        prompt: dict[str, Any],
        pooling_params: PoolingParams,
        request_id: str,
        *,
        lora_request: LoRARequest | None = ...,
        priority: int = ...,
    ) -> AsyncGenerator[PoolingRequestOutput]: ...
    async def reset_prefix_cache(self) -> bool: ...
    def get_tokenizer(self) -> Any: ...
    def shutdown(self, timeout: float | None = ...) -> None: ...
