from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

from dikast.agents.ledger import recording
from dikast.agents.models.limits import Limits
from dikast.errors import LimitReached, ModelError
from dikast.graphs.astral.news_search import SearchApi, SearchNews
from tests.graphs.astral.test_news import Site, site

__all__ = ["site"]  # the fixtures


class Agent(BaseChatModel):
    """A model that asks for searches, so many times, then answers."""

    searches: int
    answer: str = "1. Tea prices rise\n2. Tea falls"
    seen: list[list[BaseMessage]] = Field(default_factory=list[list[BaseMessage]])

    @property
    def _llm_type(self) -> str:
        return "agent"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        del kwargs
        assert [tool.name for tool in tools] == ["web_search"]
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.seen.append(list(messages))
        asked = sum(isinstance(message, AIMessage) for message in messages)
        call = {"name": "web_search", "args": {"query": f"tea {asked}"}, "id": f"call{asked}"}
        message = AIMessage("", tool_calls=[call]) if asked < self.searches else AIMessage(self.answer)
        message.usage_metadata = {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12}
        return ChatResult(generations=[ChatGeneration(message=message)])


async def test_an_agent_searches_and_answers(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_KEY", "secret")
    model = Agent(searches=1)
    news = SearchNews(model, SearchApi(f"{site.url}/search", "SEARCH_KEY"))
    with recording() as ledger:
        assert await news.headlines("tea", 2) == ["Tea prices rise", "Tea falls"]
        assert await news.headlines("tea", 2) == ["Tea prices rise", "Tea falls"]  # a topic is searched for once
    assert site.queries == [{"query": "tea 0", "max_results": 10}]
    assert site.keys == ["Bearer secret"]
    [results] = [message.content for message in model.seen[-1] if isinstance(message, ToolMessage)]
    assert results == "Tea prices rise\nTea falls"
    assert (ledger.usage_by_role["news"].calls, ledger.usage.input_tokens) == (2, 20)
    assert "secret" not in str([call.as_dict() for call in ledger.calls])


async def test_the_agents_calls_are_limited(site: Site) -> None:
    model = Agent(searches=99)
    news = SearchNews(model, SearchApi(f"{site.url}/search"), searches=2, model_calls=4)
    assert await news.headlines("tea", 1) == ["Tea prices rise"]  # what the searches brought
    assert len(site.queries) == 2
    assert len(model.seen) == 4


async def test_a_runs_limits_hold_for_the_agent(site: Site) -> None:
    news = SearchNews(Agent(searches=1), SearchApi(f"{site.url}/search"))
    with recording(limits=Limits(calls=0)), pytest.raises(LimitReached):
        await news.headlines("tea", 1)
    assert site.queries == []


@pytest.mark.parametrize("answer", [(500, b"CANARY"), (200, b"CANARY"), (200, b'{"results": [{"name": "CANARY"}]}')])
async def test_a_search_that_fails_is_told_in_our_words(site: Site, answer: tuple[int, bytes]) -> None:
    site.answer = answer
    news = SearchNews(Agent(searches=1), SearchApi(f"{site.url}/search"))
    with pytest.raises(ModelError) as caught:
        await news.headlines("tea", 1)
    assert "CANARY" not in str(caught.value)
