from enum import Enum
from typing import Any

class RequestOutputKind(Enum):
    FINAL_ONLY = 2

class StructuredOutputsParams:
    def __init__(
        self,
        json: dict[str, Any] | None = ...,
        regex: str | None = ...,
        choice: list[str] | None = ...,
        grammar: str | None = ...,
    ) -> None: ...

class SamplingParams:
    skip_special_tokens: bool
    def __init__(
        self,
        *,
        n: int = ...,
        max_tokens: int | None = ...,
        temperature: float = ...,
        top_p: float = ...,
        top_k: int = ...,
        repetition_penalty: float = ...,
        seed: int | None = ...,
        stop: list[str] | None = ...,
        logprobs: int | None = ...,
        prompt_logprobs: int | None = ...,
        structured_outputs: StructuredOutputsParams | None = ...,
        output_kind: RequestOutputKind = ...,
    ) -> None: ...
