"""A GGUF model inside this process, on the CPU: `openvino:NAME-or-FILE.gguf`, dikast's embedded default.

    model = load_model("openvino:smollm2-135m?max_tokens=64")
    answer = await model.ainvoke("Name three colours.")

Options after `?`:

| option | what | default |
| --- | --- | --- |
| `threads` | CPU threads | all cores |
| `cache_gb` | GB of key-value cache; memory is taken as it fills | 2 |
| `timeout` | seconds that a call may take, waiting for its turn included | no bound |
| `fast` | `1`: quantised activations and cache, see below | `0` |
| `kv`, `heavy`, `recent` | `h2o`, `h2o-normalised`: a cache that forgets, in blocks of 32; see below | all is kept |
| `temperature`, `max_tokens`, `seed`, ... | the model's own default sampling | greedy |

Engine: OpenVINO GenAI (openvino-genai 2026.4), continuous batching. Model objects with the same file, `threads`,
`cache_gb`, `fast` and `kv` share one engine; it opens at the first call and closes when the last of them is closed. No
socket is opened.

What is deterministic, as measured with SmolLM2-135M on AVX-512: a greedy reply is the same alone, in a batch of 64 and
with requests arriving at other times (112 of 112). A sampled one follows its own seed, not the batch's, and was the
same alone and in a batch in 14 of 16 cases. With `fast=1` (1.5 times the tokens a CPU second) a request sent alone is
repeatable, and in a batch about half of all greedy replies differ from that one. Another CPU or version may differ.

With `kv=h2o&heavy=192&recent=128` a reply's cache holds 320 tokens and one block: once the prompt has been read,
OpenVINO's own eviction keeps the first block, the last tokens and the blocks that were attended most. The choice is one
for all heads of a layer (`transformers:` chooses in each head, token by token); prefixes are then not shared.

Control tokens in a message's text, such as `<|im_end|>`, reach the model as plain characters: no text can end its turn
or open another. Lone surrogates become U+FFFD.

Not here: alternatives beside the sampled token in `logprobs`, and scoring a completion, since OpenVINO gives the
log-probabilities of what it sampled only (both a `UsageError`; `transformers:smollm2-135m` has them); a `<think>` block
apart from the text; `prefix_cached_tokens` (0; the engine caches prefixes and does not say which); white space between
JSON tokens is the model's own; models other than GGUF; GPUs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pydantic import PrivateAttr

from dikast.agents.models.catalog import find, locate
from dikast.agents.models.control_tokens import BREAK, marked
from dikast.agents.models.engine import EngineModel
from dikast.agents.models.kv_options import take_blocks
from dikast.agents.models.model_options import Options
from dikast.agents.models.openvino.engine import ENGINES, Engine, Generated
from dikast.agents.models.openvino.native import CACHE_GB, Settings, extract_reason, form_text, generation_config
from dikast.agents.models.request import Message, Reply, Request, TokenLogprob
from dikast.agents.models.stops import cut_at_stop
from dikast.agents.models.weights import weights_hash
from dikast.closing import close_in_thread
from dikast.errors import ModelContextOverflow, ModelTimeout, UsageError


class OpenVinoModel(EngineModel):
    """A GGUF model inside this process. See the module's description."""

    target: str
    settings: Settings = Settings()
    timeout: float | None = None
    _engine: Engine | None = PrivateAttr(default=None)

    async def complete(self, request: Request) -> list[Reply]:
        """Ask the model; `request.n` replies, each drawn with a seed of its own.

        Raises:
            UsageError: The request asks for alternatives in `logprobs`, for a score, or for a form that cannot be
                compiled; or its prefix has tokens that the model does not have.
            ModelContextOverflow: Prompt and `max_tokens` exceed the context, told before the engine is asked.
            ModelTimeout: `timeout` seconds have passed.
            ModelUnavailable: The engine cannot load the model, or has stopped.
        """
        self.refuse(request, "score", "value")
        if request.logprobs:
            raise UsageError(
                f"{self.spec}: OpenVINO gives log-probabilities of the sampled token only, not of alternatives",
                hint="logprobs=0",
            )
        try:
            async with asyncio.timeout(self.timeout):
                return await self._complete(request)
        except TimeoutError as error:
            if self.timeout is None:
                raise
            raise ModelTimeout(f"{self.spec}: no reply within {self.timeout:g} s") from error

    async def _complete(self, request: Request) -> list[Reply]:
        engine = await self._open()
        form, most = form_text(request.structured), request.sampling.max_tokens
        with engine.arriving():
            tokens = await asyncio.to_thread(self._prompt, engine, request, most)
            configs = [generation_config(engine.genai, request, draw) for draw in range(request.n)]
            tickets = [engine.submit(tokens, config, form) for config in configs]
        try:
            made = [await ticket.future for ticket in tickets]
        finally:
            for ticket in tickets:
                ticket.drop()
        return [_reply(engine, one, request, len(tokens)) for one in made]

    async def _open(self) -> Engine:
        if self._engine is None or self._engine.stopped:
            path = find(self.target)
            self._engine = await asyncio.to_thread(ENGINES.open, (path.resolve(), self.settings), id(self))
        return self._engine

    def _prompt(self, engine: Engine, request: Request, max_tokens: int) -> list[int]:
        """The prompt's tokens and the prefix's, if they leave room for the reply."""
        characters = sum(len(message["content"]) for message in request.messages)
        least = characters // engine.header.longest_token
        tokens = [] if least > engine.room else render(engine, request.messages)
        prefix = request.prefix
        tokens += engine.encode(prefix) if isinstance(prefix, str) else prefix
        if any(token >= engine.header.vocabulary for token in prefix if isinstance(token, int)):
            raise UsageError(f"{self.spec}: the prefix has tokens beyond the {engine.header.vocabulary} of this model")
        count = max(least, len(tokens))
        if count + max_tokens > engine.room:
            about = "at least " if count >= engine.room else ""
            raise ModelContextOverflow(
                f"{self.spec}: prompt of {about}{count} tokens and max_tokens={max_tokens} exceed the {_room(engine)}",
                hint="shorten the prompt or lower max_tokens",
            )
        return tokens

    def fingerprint(self) -> dict[str, object]:
        """Engine, SHA-256 of the weights, default sampling, and whether the arithmetic is quantised.

        Raises:
            MissingExtraError: The model has not been pulled.
            DataError: There is no file at the path.
        """
        path = find(self.target)
        stat = path.stat()
        return {
            "engine": "openvino",
            "weights": weights_hash(path.resolve(), stat.st_size, stat.st_mtime_ns),
            "fast": self.settings.fast,
            **({"kv": list(self.settings.kv)} if self.settings.kv else {}),
            "sampling": self.sampling.model_dump(mode="json"),
        }

    async def count_tokens(self, text: str) -> int:
        """How many tokens a text has, chat template not counted; see `EngineModel.count_tokens`."""
        engine = await self._open()
        return len(await asyncio.to_thread(engine.encode, text))

    def requests_held(self) -> int:
        """How many requests wait or run in the engine, this model's and those of others that share it."""
        return 0 if self._engine is None else self._engine.held

    async def aclose(self) -> None:
        """Give up the engine; it is freed when no other model object uses it. The next call opens it again."""
        self._engine = None
        await close_in_thread(lambda: ENGINES.close(id(self)))


def _room(engine: Engine) -> str:
    if engine.room < engine.header.context_length:
        return f"{engine.room} tokens that cache_gb={engine.settings.cache_gb} holds"
    return f"{engine.room} tokens of the model's context"


def open_model(target: str, options: dict[str, str], spec: str) -> OpenVinoModel:
    """Build the model for a spec; nothing is opened.

    Args:
        target: A name from the catalog, or a GGUF's path.
        options: What follows the spec's `?`.
        spec: The whole spec.

    Raises:
        UsageError: The name is not known, or an option is unknown or out of range.
    """
    locate(target)
    given = Options("openvino", options)
    threads, cache_gb = given.count("threads", 0), given.count("cache_gb", CACHE_GB, least=1)
    timeout = given.number("timeout", 1.0) if "timeout" in options else None
    fast, kv, sampling = _switch(given, "fast"), take_blocks(given), given.sampling()
    given.done()
    settings = Settings(threads=threads, cache_gb=cache_gb, fast=fast, kv=kv)
    return OpenVinoModel(spec=spec, target=target, settings=settings, timeout=timeout, sampling=sampling)


def _switch(given: Options, name: str) -> bool:
    text = given.text(name, "0")
    if text not in ("0", "1"):
        raise UsageError(f"openvino: option {name!r} must be 0 or 1")
    return text == "1"


def render(engine: Engine, messages: Sequence[Message]) -> list[int]:
    """A chat as the model's tokens, by the file's own template, ready for the reply.

    Raises:
        UsageError: The template does not take these messages, or the file has none.
    """
    history = marked(messages, engine.header.control_tokens)
    try:
        prompt: str = engine.tokenizer.apply_chat_template(history, add_generation_prompt=True)
    except Exception as error:
        raise UsageError(
            f"{engine.path.name}: its chat template refuses the messages: {extract_reason(error)}"
        ) from error
    return [token for piece in prompt.split(BREAK) for token in engine.encode(piece)]


def _reply(engine: Engine, made: Generated, request: Request, input_tokens: int) -> Reply:
    text, stopped = cut_at_stop(engine.decode(made.tokens), request.sampling.stop)
    return Reply(
        text=text,
        finish_reason="stop" if stopped else made.finish,
        input_tokens=input_tokens,
        output_tokens=len(made.tokens) + made.untold,
        tokens=tuple(made.tokens) if request.tokens else None,
        logprobs=None if request.logprobs is None else _logprobs(engine, made),
    )


def _logprobs(engine: Engine, made: Generated) -> tuple[TokenLogprob, ...]:
    pairs = zip(made.tokens, made.logprobs, strict=True)
    # Rounding can leave a certain token's a hair above 0.
    return tuple(TokenLogprob(engine.decode([token], special=True), min(value, 0.0)) for token, value in pairs)
