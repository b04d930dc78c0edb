from collections.abc import Sequence
from typing import Any

from vllm.logprobs import Logprob

class CompletionOutput:
    index: int
    text: str
    token_ids: Sequence[int]
    logprobs: Sequence[dict[int, Logprob]] | None
    finish_reason: str | None
    def __init__(
        self,
        index: int,
        text: str,
        token_ids: Sequence[int],
        cumulative_logprob: float | None,
        logprobs: Sequence[dict[int, Logprob]] | None,
    ) -> None: ...

class RequestOutput:
    prompt_token_ids: list[int] | None
    outputs: list[CompletionOutput]
    finished: bool
    num_cached_tokens: int | None
    prompt_logprobs: Sequence[dict[int, Logprob] | None] | None

class PoolingOutput:
    data: Any

class PoolingRequestOutput:
    outputs: PoolingOutput
    num_cached_tokens: int | None
