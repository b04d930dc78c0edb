from collections.abc import Mapping, Sequence
from typing import Any

class ChatCompletionRequest:
    skip_special_tokens: bool
    def __init__(
        self, *, messages: Sequence[Mapping[str, Any]], chat_template_kwargs: Mapping[str, Any] | None = ...
    ) -> None: ...
