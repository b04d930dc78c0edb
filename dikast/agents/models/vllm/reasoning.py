"""A reply's reasoning apart from its text, by the parser that the engine argument `reasoning_parser` names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.outputs import CompletionOutput
from vllm.reasoning import ReasoningParser, ReasoningParserManager

from dikast.agents.models.request import Request


class Reasoning:
    """A reasoning parser of vLLM's, by its class: parsers keep state, so that each reply gets one of its own.

    Args:
        parser: The parser's class.
        tokenizer: The model's tokenizer.
    """

    def __init__(self, parser: type[ReasoningParser], tokenizer: Any) -> None:
        self._parser = parser
        self._tokenizer = tokenizer

    @classmethod
    def of(cls, name: str, tokenizer: Any) -> Reasoning | None:
        """The parser of this name, which the engine has accepted; `None` for none."""
        return cls(ReasoningParserManager.get_reasoning_parser(name), tokenizer) if name else None

    def extra(self, template: Mapping[str, Any]) -> dict[str, Any]:
        """What the engine wants to know to hold only the text after the reasoning to a form."""
        return {"reasoning_parser_kwargs": {"chat_template_kwargs": dict(template)}}

    def keeps_special_tokens(self, template: Mapping[str, Any]) -> bool:
        """Whether the parser looks for tokens that are otherwise left out of the text."""
        asked = ChatCompletionRequest(messages=[], chat_template_kwargs=dict(template))
        parser = self._parser(self._tokenizer, chat_template_kwargs=dict(template))
        return not parser.adjust_request(asked).skip_special_tokens

    def split(
        self, completion: CompletionOutput, request: Request, template: Mapping[str, Any]
    ) -> tuple[str, str, int]:
        """The text, the reasoning, and how many tokens that took."""
        parser = self._parser(self._tokenizer, chat_template_kwargs=dict(template))
        asked = ChatCompletionRequest(messages=list(request.messages), chat_template_kwargs=dict(template))
        thoughts, text = parser.extract_reasoning(completion.text, asked)
        return text or "", thoughts or "", parser.count_reasoning_tokens(completion.token_ids)
