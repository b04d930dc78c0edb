"""Headlines by a web search: an agent (LangChain's `create_agent`) with one tool, and limits on both its calls.

    news = SearchNews(ChatOpenAI(...), SearchApi("https://api/search", key_env="SEARCH_KEY"))
    await news.headlines("self harm", 3)

The search API is given `{"query", "max_results"}` and answers `{"results": [{"title": ...}, ...]}`, as Tavily's does.
The model needs tool calls, which dikast's own engines do not speak: any LangChain chat model that has them will do, and
a `server:` spec is opened with langchain-openai. A topic is searched for once in a process. Where the agent comes to
its limit without an answer, the titles that its searches have brought are the answer.

Not here: reading the pages found.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast
from urllib.parse import parse_qsl

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import BaseTool, tool
from yarl import URL

from dikast.agents.ledger import Call, current
from dikast.agents.models.boundary import as_model_error
from dikast.agents.models.http_service import check_address
from dikast.agents.models.identity import identity
from dikast.agents.models.model_options import Options
from dikast.agents.models.server import ServerModel
from dikast.agents.models.server import open_model as open_server
from dikast.agents.prompt import load_prompt
from dikast.errors import MissingExtraError, ModelError, UsageError
from dikast.graphs.astral.headlines import SEARCH, tidy_lines
from dikast.http.access import authorization
from dikast.http.transport import Transport
from dikast.records import Outcome, Provenance, Usage
from dikast.wire import UNNAMED, spec_of

SEARCHES = 2
"""Tool calls in one run of the agent; the prompt says once or twice."""
MODEL_CALLS = 4
"""One a search, one for the answer, one to spare."""
RESULTS = 10
SEARCH_SECONDS = 30.0
NUMBER = re.compile(r"^\s*(?:\d{1,3}[.):]|[-*•])\s+")


class SearchApi:
    """A search service. `found` has the titles of the searches since it was last emptied.

    Args:
        url: Where queries are posted.
        key_env: Environment variable with the key, which is sent as `Authorization: Bearer`.
    """

    def __init__(self, url: str, key_env: str = "") -> None:
        self.url, self.key_env = check_address(url), key_env

    async def search(self, query: str) -> list[str]:
        """Titles for a query.

        Raises:
            ModelError: The service failed, or answered something else; in our words.
            UsageError: The key's variable is not set.
        """
        headers = {}
        if self.key_env:
            key = os.environ.get(self.key_env, "").strip()
            if not key:
                raise UsageError(f"search: the environment variable {self.key_env}, named by key_env, is not set")
            headers = {"Authorization": f"Bearer {key}"}
        address = URL(self.url)
        transport = Transport([str(address.origin())], timeout=SEARCH_SECONDS, retries=1, connections=4)
        try:
            body = json.dumps({"query": query, "max_results": RESULTS}).encode()
            answer = await transport.post(address.raw_path_qs, body, headers)
        finally:
            await transport.aclose()
        if answer.status != 200:
            raise ModelError(f"{self.url}: HTTP {answer.status}", hint="does the search service want a key (key_env)?")
        try:
            results: Any = json.loads(answer.content)["results"]
            return tidy_lines(str(result["title"]) for result in results)
        except (ValueError, LookupError, TypeError, RecursionError):
            raise ModelError(f"{self.url}: not a list of results with titles") from None

    def as_tool(self, found: list[str]) -> BaseTool:
        """The search as the agent's tool; titles are added to `found`."""

        @tool
        async def web_search(query: str) -> str:
            """Search the web for recent news. Returns titles, one a line."""
            titles = await self.search(query)
            found.extend(titles)
            return "\n".join(titles) or "nothing found"

        return web_search


class SearchNews:
    """An agent that searches.

    Args:
        model: A chat model with tool calls.
        api: The search service.
        searches: Tool calls in one run at most.
        model_calls: Model calls in one run at most.
        spec: What stands for it in JSON.
    """

    def __init__(
        self,
        model: BaseChatModel,
        api: SearchApi,
        *,
        searches: int = SEARCHES,
        model_calls: int = MODEL_CALLS,
        spec: str = "",
    ) -> None:
        self.model, self.api, self.searches, self.model_calls = model, api, searches, model_calls
        self.spec = spec or f"{UNNAMED}{type(self).__module__}.{type(self).__name__}"
        self._known: dict[tuple[str, int], list[str]] = {}
        self._searching: dict[str, asyncio.Lock] = {}

    def fingerprint(self) -> Mapping[str, object]:
        """The service, the model, the limits, the prompt; what is found changes by the hour."""
        limits = {"searches": self.searches, "model_calls": self.model_calls}
        prompt = load_prompt("astral/news").fingerprint()
        return {"search": self.api.url, "model": identity(self.model), **limits, "prompt": prompt}

    async def headlines(self, topic: str, k: int) -> list[str]:
        """See `NewsSource.headlines`."""
        async with self._searching.setdefault(topic, asyncio.Lock()):
            if (topic, k) not in self._known:
                self._known[topic, k] = await self._ask(topic, k)
            return self._known[topic, k]

    async def _ask(self, topic: str, k: int) -> list[str]:
        # Imported here: the agent and its middleware take half a second to load.
        agents: Any = import_module("langchain.agents")
        from langchain.agents.middleware import ModelCallLimitMiddleware, ToolCallLimitMiddleware
        from langchain.agents.middleware.model_call_limit import ModelCallLimitExceededError

        prompt = load_prompt("astral/news")
        system, user = prompt.render({"topic": topic, "count": str(k)})
        found: list[str] = []
        middleware: list[Any] = [
            ToolCallLimitMiddleware(run_limit=self.searches, exit_behavior="continue"),
            ModelCallLimitMiddleware(run_limit=self.model_calls, exit_behavior="error"),
        ]
        agent: Any = agents.create_agent(
            self.model, [self.api.as_tool(found)], system_prompt=system["content"], middleware=middleware
        )
        if ledger := current():
            await ledger.admit()
        try:
            state = await agent.ainvoke({"messages": [{"role": "user", "content": user["content"]}]})
        except ModelCallLimitExceededError:
            return found[:k]
        except Exception as error:
            known = as_model_error(error, spec_of(self.model))
            if known is None:
                raise
            raise known from error
        answers = [message for message in state["messages"] if isinstance(message, AIMessage)]
        self._book(answers, prompt.id)
        said = [NUMBER.sub("", line) for line in str(answers[-1].text).split("\n")] if answers else []
        return (tidy_lines(said) or found)[:k]

    def _book(self, answers: list[AIMessage], prompt: str) -> None:
        """Write the agent's calls into the ledger."""
        ledger = current()
        if ledger is None:
            return
        for answer in answers:
            spent = cast(dict[str, int], answer.usage_metadata or {})
            usage = Usage(1, spent.get("input_tokens", 0), spent.get("output_tokens", 0))
            source = Provenance(spec_of(self.model), prompt, None, 0, "", False)
            ledger.add(Call("news", (), str(answer.text), "", Outcome.OK, "", usage, source))


def open_search(rest: str) -> SearchNews:
    """Make the source of `search:URL#model=SPEC[&key_env=VARIABLE]`; `model` comes last, since a spec may hold `&`.

    Raises:
        UsageError: The address, an option or the model is missing or wrong.
        MissingExtraError: langchain-openai is not installed.
    """
    address, _, options = rest.partition("#")
    before, _, model = options.partition("model=")
    given = Options("search", dict(parse_qsl(before, keep_blank_values=True)))
    api = SearchApi(address, given.text("key_env"))
    given.done()
    return SearchNews(tool_caller(model), api, spec=f"{SEARCH}{rest}")


def tool_caller(spec: str) -> BaseChatModel:
    """A chat model with tool calls for a `server:` spec.

    Raises:
        UsageError: It is another spec: dikast's own engines do not speak of tools.
        MissingExtraError: langchain-openai is not installed.
    """
    if not spec.startswith("server:"):
        hint = "write search:URL#model=server:http://host:8000/v1#MODEL, or pass any LangChain chat model in Python"
        raise UsageError(f"a search needs a model that can call tools, not {spec!r}", hint=hint)
    served: ServerModel = open_server(spec.removeprefix("server:"), {}, spec)
    try:
        openai: Any = import_module("langchain_openai")
    except ImportError as error:
        hint = "pip install langchain-openai"
        raise MissingExtraError("langchain-openai, which gives a server's model tools,", hint=hint) from error
    _, key = authorization(served.key_env)
    return openai.ChatOpenAI(base_url=served.urls[0], model=served.model, api_key=key or "none", temperature=0)
