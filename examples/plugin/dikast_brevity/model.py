"""A chat model of LangChain's kind: it says what it was told, up to `words` words. `--model parrot:grey?words=9`."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult

from dikast.errors import UsageError


class Parrot(BaseChatModel):
    """Says the last message again."""

    model: str
    words: int = 30
    temperature: float = 0.0
    max_tokens: int = 512

    @property
    def _llm_type(self) -> str:
        return "parrot"

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **given: Any
    ) -> ChatResult:
        heard = str(messages[-1].content).split()
        said = heard[: min(self.words, int(given.get("max_tokens", self.max_tokens)))]
        usage = UsageMetadata(input_tokens=len(heard), output_tokens=len(said), total_tokens=len(heard) + len(said))
        return ChatResult(generations=[ChatGeneration(message=AIMessage(" ".join(said), usage_metadata=usage))])


def open_model(target: str, options: dict[str, str], spec: str) -> BaseChatModel:
    """The model of `parrot:NAME[?words=N]`.

    Raises:
        UsageError: An option is unknown, or no number.
    """
    words = options.pop("words", "30")
    if options or not words.isdecimal():
        raise UsageError(f"{spec}: the one option is words, a number", hint="parrot:grey?words=9")
    return Parrot(model=target, words=int(words))
