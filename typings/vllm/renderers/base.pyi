from collections.abc import Mapping, Sequence
from typing import Any

from vllm.renderers.params import ChatParams, TokenizeParams

class BaseRenderer:
    @property
    def default_chat_tok_params(self) -> TokenizeParams: ...
    async def render_chat_async(
        self,
        conversations: Sequence[Sequence[Mapping[str, Any]]],
        chat_params: ChatParams,
        tok_params: TokenizeParams | None = ...,
    ) -> tuple[list[Any], list[dict[str, Any]]]: ...
