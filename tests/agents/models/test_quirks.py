"""Tables of what OpenAI-compatible servers were reported to do, each with the public report: a good reply is kept, and
anything else ends as what it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web

from dikast.agents.ask import outcome_of
from dikast.agents.models.load import load_model
from dikast.agents.models.request import Message, Reply, Request, Sampling
from dikast.agents.models.server import ServerModel
from dikast.errors import ModelError
from dikast.graphs.genqr import PAPER_SAMPLING
from dikast.records import Outcome
from tests.loopback import ECHO, Fault, Loopback

GREEDY = Sampling()
Body = Mapping[str, Any]
Refuses = Callable[[Body], "tuple[int, Any] | None"]


@dataclass(frozen=True)
class Quirk:
    """What a server does.

    Args:
        report: Where it was reported: project and number.
        answers: Status and body of its answers, one after the other; the last one stays.
        refuses: Status and body for a request that it does not take, by its fields.
        outcome: What the call must come to.
        told: A part of the error's message.
        asked: How many requests it costs.
        text: The reply's text.
        sampling: What is asked for.
        options: Of the spec.
    """

    report: str
    answers: tuple[tuple[int, Any], ...] = ()
    refuses: Refuses = lambda body: None
    outcome: Outcome = Outcome.OK
    told: str = ""
    asked: int = 1
    text: str = "alpha beta"
    sampling: Sampling = GREEDY
    options: str = ""


def completion(content: Any = "alpha beta", finish: str | None = "stop", usage: Any = None, **choice: Any) -> Any:
    message = {"role": "assistant", "content": content}
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish, **choice}], "usage": usage}


def failing(status: int, message: str, **more: Any) -> tuple[int, Any]:
    return status, {"error": {"message": message, **more}}


GOOD = (200, completion())
NOTHING_COUNTED = {"prompt_tokens": None, "completion_tokens": None}


def lacks(*names: str, status: int, words: str) -> Refuses:
    """Refuses a request that has one of these fields."""
    return lambda body: failing(status, words) if any(name in body for name in names) else None


def tgi_range(body: Body) -> tuple[int, Any] | None:
    if 0 < body.get("top_p", 0.5) < 1:
        return None
    return 422, {"error": "Input validation error: `top_p` must be > 0.0 and < 1.0", "error_type": "validation"}


def claude_both(body: Body) -> tuple[int, Any] | None:
    words = "litellm.BadRequestError: AnthropicException - `temperature` and `top_p` cannot both be specified"
    return failing(400, words) if {"temperature", "top_p"} <= body.keys() else None


INFINITE = [{"token": "No", "logprob": 0.0}, {"token": "#", "logprob": float("-inf")}]
TOO_LONG = "request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it"

OLLAMA = {
    "no model": Quirk(
        "ollama: openai/openai.go",
        (failing(404, 'model "m" not found, try pulling it first', type="api_error"),),
        outcome=Outcome.ERROR,
        told="does not serve",
    ),
    "too long": Quirk(
        "ITSpecialist111/ai_automation_suggester #37",
        (failing(500, "input exceeds context length"),),
        outcome=Outcome.LIMIT,
        told="shorten the prompt",
    ),
    "no memory, for now": Quirk(
        "continuedev/continue #9649", (failing(500, "model requires more system memory (5.3 GiB)"), GOOD), asked=2
    ),
    "no usage": Quirk("the field table: nousage, usage_null_fields", ((200, completion(usage=None)),)),
    "null usage": Quirk(
        "the field table: nousage, usage_null_fields",
        ((200, completion(usage=NOTHING_COUNTED)),),
    ),
}
LLAMA_CPP = {
    "loading": Quirk(
        "llama.cpp: server README, /health",
        (*[failing(503, "Loading model", type="unavailable_error", code=503)] * 2, GOOD),
        asked=3,
    ),
    "too long": Quirk(
        "llama.cpp #19774",
        (failing(400, TOO_LONG, type="exceed_context_size_error", code=400),),
        outcome=Outcome.LIMIT,
        told="shorten the prompt",
    ),
    "too long, as 500": Quirk(
        "llama.cpp #19774",
        (failing(500, "Context size has been exceeded.", type="server_error"),),
        outcome=Outcome.LIMIT,
    ),
    "too long, as 200": Quirk(
        "oobabooga/textgen #7257",
        (failing(200, TOO_LONG, type="exceed_context_size_error", code=400),),
        outcome=Outcome.LIMIT,
    ),
    "half surrogate": Quirk(
        "llama.cpp: tokens that end in mid-character", ((200, completion("a\ud83d b")),), text="a\ufffd b"
    ),
}
SGLANG = {
    "minus infinity": Quirk("sglang #2955, #5984", ((200, completion(logprobs={"content": INFINITE})),)),
    "too long": Quirk(
        "sglang: tokenizer_manager.py",
        ((400, {"object": "error", "message": "The input (2600 tokens) is longer than the model's context length"}),),
        outcome=Outcome.LIMIT,
    ),
    "aborted": Quirk("sglang: finish_reason abort", ((200, completion("alp", "abort")), GOOD), asked=2),
}
LM_STUDIO = {
    "wrong path, as 200": Quirk(
        "lmstudio-bug-tracker #618",
        ((200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"}),),
        outcome=Outcome.ERROR,
        told="end in /v1",
        asked=3,
    ),
    "nothing said": Quirk("lmstudio-bug-tracker #2339", ((200, completion("", "stop")),), text=""),
    "too long": Quirk(
        "lmstudio-bug-tracker: context overflow policy",
        ((400, {"error": "Trying to keep the first 4122 tokens when context the overflows. However, the model is "
                "loaded with context length of only 4096 tokens, which is not enough."}),),
        outcome=Outcome.LIMIT,
    ),
}  # fmt: skip
TGI = {
    "top_p of 1": Quirk("text-generation-inference #2222", (GOOD,), tgi_range),
    "a refused field is named, and what leaves it out": Quirk(
        "text-generation-inference #2222",
        (GOOD,),
        tgi_range,
        outcome=Outcome.ERROR,
        told="?omit=top_p leaves it out",
        options="?dialect=vllm",
    ),
    "and left out": Quirk("text-generation-inference #2222", (GOOD,), tgi_range, options="?dialect=vllm&omit=top_p"),
    "too long": Quirk(
        "text-generation-inference: validation.rs",
        ((422, {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 1900",
                "error_type": "validation"}),),
        outcome=Outcome.LIMIT,
    ),
    "overloaded": Quirk(
        "text-generation-inference: infer.rs",
        ((429, {"error": "Model is overloaded", "error_type": "overloaded"}), GOOD),
        asked=2,
    ),
    "its own word for an end": Quirk("text-generation-inference: infer.rs", ((200, completion(finish="eos_token")),)),
}  # fmt: skip
LITELLM = {
    "temperature beside top_p": Quirk("litellm #15097", (GOOD,), claude_both),
    "both asked for": Quirk(
        "jekalmin/extended_openai_conversation #428",
        (GOOD,),
        claude_both,
        outcome=Outcome.ERROR,
        told="temperature and top_p: ?omit=top_p leaves one of them out",
        sampling=Sampling(temperature=0.5, top_p=0.9),
    ),
    "max_completion_tokens": Quirk(
        "litellm: o-series behind a proxy",
        (GOOD,),
        lacks(
            "max_tokens",
            status=400,
            words="Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
        ),
        asked=2,
    ),
    "no temperature": Quirk(
        "litellm: o-series behind a proxy",
        (GOOD,),
        lacks(
            "temperature", status=400, words="Unsupported value: 'temperature' does not support 0.0 with this model."
        ),
        outcome=Outcome.ERROR,
        told="?omit=temperature",
    ),
    "a method's default is refused by name": Quirk(
        "litellm: UnsupportedParamsError",
        (GOOD,),
        lacks("top_k", status=400, words="litellm.UnsupportedParamsError: parameters not supported: ['top_k']"),
        outcome=Outcome.ERROR,
        told="?omit=top_k",
        sampling=PAPER_SAMPLING,
    ),
    "too long": Quirk(
        "litellm: ContextWindowExceededError",
        (failing(400, "litellm.ContextWindowExceededError: litellm.BadRequestError: no", code="400"),),
        outcome=Outcome.LIMIT,
    ),
    "thinking in parts": Quirk(
        "litellm: Mistral's magistral",
        ((200, completion([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                           {"type": "text", "text": "alpha beta"}])),),
    ),
    "a gateway's time limit": Quirk(
        "litellm: proxy behind nginx", ((504, "<html>504</html>"),), outcome=Outcome.TIMEOUT, told="HTTP 504", asked=3
    ),
}  # fmt: skip
TABLES = {
    "ollama": OLLAMA,
    "llama.cpp": LLAMA_CPP,
    "sglang": SGLANG,
    "lm studio": LM_STUDIO,
    "tgi": TGI,
    "litellm": LITELLM,
}
CASES = [
    pytest.param(quirk, id=f"{server}: {name}") for server, table in TABLES.items() for name, quirk in table.items()
]


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


def playing(quirk: Quirk, server: Loopback, place: int) -> Fault:
    async def fault(request: web.Request) -> web.StreamResponse:
        status, body = quirk.refuses(server.bodies[-1]) or quirk.answers[min(place, len(quirk.answers) - 1)]
        return web.Response(text=json.dumps(body), status=status, content_type="application/json")

    return fault


async def call(quirk: Quirk, server: Loopback) -> Reply | ModelError:
    async def no_pause(seconds: float) -> None:
        pass

    name = "org/other" if "does not serve" in quirk.told else ECHO
    model = load_model(f"server:{server.url}#{name}{quirk.options or '?'}&retries=2".replace("?&", "?"))
    assert isinstance(model, ServerModel)
    model._transport.sleep = no_pause
    try:
        [reply] = await model.complete(Request((Message(role="user", content="hello"),), quirk.sampling))
    except ModelError as error:
        return error
    return reply


@pytest.mark.parametrize("quirk", CASES)
async def test_a_servers_quirk_costs_no_good_reply_and_hides_no_bad_one(server: Loopback, quirk: Quirk) -> None:
    server.faults += [playing(quirk, server, place) for place in range(9)]
    ended = await call(quirk, server)
    if quirk.outcome is Outcome.OK:
        assert isinstance(ended, Reply), ended
        assert (ended.text, ended.finish_reason) == (quirk.text, "stop")
        ended.text.encode()
    else:
        assert isinstance(ended, ModelError)
        assert outcome_of(ended) is quirk.outcome, ended
        assert quirk.told in str(ended)
    assert len(server.bodies) == quirk.asked
