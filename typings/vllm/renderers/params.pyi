from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

@dataclass(frozen=True)
class ChatParams:
    chat_template_kwargs: Mapping[str, Any] = ...

@dataclass(frozen=True)
class TokenizeParams:
    max_total_tokens: int | None
