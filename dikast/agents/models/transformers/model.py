"""A Hugging Face causal model inside this process: `transformers:FOLDER`, on the CPU or a GPU.

    model = load_model("transformers:smollm2-135m?max_tokens=64")
    model = load_model("transformers:runs/student?lora=runs/round2/adapter")

What stands after the colon is a folder with config.json, safetensors and a tokenizer; a GGUF, or the name of an
embedded model (`dikast models list`), whose weights are unpacked to float32 in the cache folder at first use. Options
after `?`:

| option | what | default |
| --- | --- | --- |
| `lora` | a LoRA adapter's folder, as peft saves it; models that differ in it alone share the base's memory | none |
| `kv` | a cache that forgets: `h2o`, `h2o-normalised`, `window`, `sink`, `snapkv`, `full` | all is kept |
| `heavy`, `recent` | of `kv`: the most worth and the last; tokens, or a share of the prompt (`.1`) | .1, .1 |
| `device` | `cpu`, `cuda`, `cuda:1` | a GPU where there is one |
| `dtype` | `float32`, `bfloat16`, `float16` | float32 on a CPU, as stored on a GPU |
| `batch` | sequences that run at once; more wait | 64 |
| `timeout` | seconds that a call may take, waiting for its turn included | no bound |
| `template` | JSON object of chat template variables | none |
| `temperature`, `max_tokens`, `seed`, ... | the model's own default sampling | greedy |

It is the student of training methods, and what decoding methods act on: it goes on from a reply's beginning, scores
completions, and has alternatives in log-probabilities. A folder with a value head or reward model gives values, and
nothing else. What `kv` means: `dikast.decoding.kv.policies`. For speed on a CPU use `openvino:`, on a GPU `vllm:`.

What is deterministic: greedy replies in float32 are the same alone and in any batch, a sampled one follows its own seed
(numbers in `docs/design/reproducibility.md`). Control tokens in a message's text reach the model as plain characters.
No hub is asked, no socket opened, and no code that comes with a model is run.

Structured forms are held by llguidance, JSON without white space. Not here: a `<think>` block apart from the text;
`prefix_cached_tokens`; several GPUs; images.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import PrivateAttr

from dikast.agents.models.catalog import KNOWN, find
from dikast.agents.models.control_tokens import BREAK, LONE_SURROGATE, marked, pieces_of
from dikast.agents.models.engine import EngineModel, check_kind, check_value
from dikast.agents.models.kv_options import take_policy
from dikast.agents.models.model_options import Options
from dikast.agents.models.request import SCORED_REASON, Message, Reply, Request, Tokens
from dikast.agents.models.seeds import draw_seed
from dikast.agents.models.stops import cut_at_stop, until_end
from dikast.agents.models.transformers.adapters import check_adapter
from dikast.agents.models.transformers.engine import ENGINES, Asked, Engine, Key, Made
from dikast.agents.models.transformers.forms import grammar_of
from dikast.agents.models.transformers.loading import DTYPES, NEEDED, folder_of
from dikast.agents.models.weights import digest_of, weights_hash
from dikast.closing import close_in_thread
from dikast.errors import MissingExtraError, ModelContextOverflow, ModelTimeout, UsageError
from dikast.http.server_errors import excerpt

BATCH = 64
"""vLLM's default is 256, on a GPU; on a CPU tokens a second stop growing far below."""
CHARACTERS_A_TOKEN = 128
"""No tokenizer joins more; a prompt that is too long even so is refused before it is tokenised."""


class TransformersModel(EngineModel):
    """A Hugging Face model inside this process. See the module's description for the fields."""

    target: str
    lora: str = ""
    device: str = ""
    dtype: str = ""
    rows: int = BATCH
    """What the option `batch` says; that name is LangChain's."""
    timeout: float | None = None
    template: Mapping[str, Any] = {}
    kv: Any = None
    """A `dikast.decoding.kv` policy; `None` for the model's own cache."""
    _engine: Engine | None = PrivateAttr(default=None)

    async def complete(self, request: Request) -> list[Reply]:
        """Ask the model; `request.n` replies, each drawn with a seed of its own.

        Raises:
            UsageError: A form cannot be compiled, the adapter is another model's, a token is none of this model's, or
                a value is asked for where there is no value head, or anything else where there is one.
            ModelContextOverflow: Prompt and reply exceed the context, told before the model is asked.
            ModelTimeout: `timeout` seconds have passed.
            ModelUnavailable: The model cannot be opened, or has stopped.
            ModelError: Out of memory.
        """
        try:
            async with asyncio.timeout(self.timeout):
                return await self._complete(request)
        except TimeoutError as error:
            if self.timeout is None:
                raise
            raise ModelTimeout(f"{self.spec}: no reply within {self.timeout:g} s") from error

    async def _complete(self, request: Request) -> list[Reply]:
        engine = await self._open()
        check_kind(self.spec, request, headed=engine.loaded.headed)
        if self.kv is not None and engine.loaded.headed:
            raise UsageError(
                f"{self.spec}: a value is read in one pass, in which nothing can be forgotten", hint="no kv"
            )
        tokens, scored = await asyncio.to_thread(self._prompt, engine, request)
        grammar = await asyncio.to_thread(grammar_of, request.structured) if request.structured else ""
        adapter = (self.lora, digest_of(Path(self.lora))) if self.lora else None
        alternatives = request.logprobs
        seeds = [draw_seed(request.sampling, draw) for draw in range(request.n)]
        asked = [
            Asked(tokens, request.sampling, seed, alternatives, grammar, scored, adapter, self.kv) for seed in seeds
        ]
        tickets = [engine.submit(one) for one in asked]
        try:
            made = [await ticket.future for ticket in tickets]
        finally:
            for ticket in tickets:
                ticket.drop()
        return [_reply(engine, one, request, tokens) for one in made]

    async def _open(self) -> Engine:
        if self._engine is None or self._engine.stopped:
            self._engine = await asyncio.to_thread(self._opened)
        return self._engine

    def _opened(self) -> Engine:
        folder = folder_of(self.target)
        key = Key(folder.resolve(), digest_of(folder), self.device, self.dtype, self.rows)
        return ENGINES.open(key, id(self))

    def _prompt(self, engine: Engine, request: Request) -> tuple[list[int], tuple[int, ...]]:
        """The tokens of prompt and prefix, and those to score, if they leave room for the reply; of a value, all."""
        said = [Message(role="assistant", content=str(request.completion))] if request.value else []
        messages = [*request.messages, *said]
        room, most = engine.loaded.context, 0 if request.completion is not None else request.sampling.max_tokens
        least = sum(len(message["content"]) for message in messages) // CHARACTERS_A_TOKEN
        tokens = [] if least > room else render(engine, messages, self.template, ended=request.value)
        prefix, scored = ids_of(engine, request.prefix), ids_of(engine, () if said else request.completion or ())
        for token in (*prefix, *scored):
            if not 0 <= token < engine.loaded.vocabulary:
                raise UsageError(f"{self.spec}: there is no token {token}; the model has {engine.loaded.vocabulary}")
        count = max(least, len(tokens)) + len(prefix) + len(scored)
        if count + most > room:
            about = "at least " if least > room else ""
            raise ModelContextOverflow(
                f"{self.spec}: prompt of {about}{count} tokens and max_tokens={most} exceed the {room} of the model",
                hint="shorten the prompt or lower max_tokens",
            )
        return [*tokens, *prefix], scored

    def fingerprint(self) -> dict[str, object]:
        """Engine, digests of weights and adapter, arithmetic, template, default sampling.

        Raises:
            MissingExtraError: The embedded model has not been pulled.
            DataError: There is no model at the path.
        """
        told: dict[str, object] = {"engine": "transformers", "weights": weights_of(self.target)}
        told |= {"lora": digest_of(Path(self.lora))} if self.lora else {}
        told |= {"dtype": self.dtype} if self.dtype else {}
        told |= {"kv": self.kv.told} if self.kv is not None else {}
        told |= {"template": dict(self.template)} if self.template else {}
        return {**told, "sampling": self.sampling.model_dump(mode="json")}

    async def count_tokens(self, text: str) -> int:
        """How many tokens a text has, chat template not counted."""
        engine = await self._open()
        return len(await asyncio.to_thread(encode, engine, text))

    async def end_tokens(self) -> tuple[int, ...]:
        """The tokens that end a turn."""
        return tuple(sorted((await self._open()).loaded.ends))

    def requests_held(self) -> int:
        """How many requests wait or run in the engine, this model's and those of others that share it."""
        return 0 if self._engine is None else self._engine.held

    async def aclose(self) -> None:
        """Give up the engine; it is freed when no other model object uses it. The next call opens it again."""
        self._engine = None
        await close_in_thread(lambda: ENGINES.close(id(self)))


def weights_of(target: str) -> str:
    """A digest of a GGUF, or of a folder's files."""
    if target not in KNOWN and Path(target).suffix != ".gguf":
        return digest_of(folder_of(target))
    path = find(target)
    stat = path.stat()
    return weights_hash(path.resolve(), stat.st_size, stat.st_mtime_ns)


def encode(engine: Engine, text: str) -> list[int]:
    """The tokens of a text; control tokens in it become themselves, and none are added."""
    return engine.loaded.tokenizer.encode(LONE_SURROGATE.sub("\ufffd", text), add_special_tokens=False)


def ids_of(engine: Engine, tokens: Tokens) -> tuple[int, ...]:
    """Token ids as they are; a text's, in which no control token is one."""
    if isinstance(tokens, tuple):
        return tokens
    return tuple(token for piece in pieces_of(tokens, engine.loaded.controls) for token in encode(engine, piece))


def render(
    engine: Engine, messages: Sequence[Message], template: Mapping[str, Any], *, ended: bool = False
) -> list[int]:
    """A chat as the model's tokens, by its own template: ready for the reply, or up to the last end of a turn.

    Raises:
        UsageError: The template does not take these messages, or the model has none.
    """
    history = marked(messages, engine.loaded.controls)
    given = {"add_generation_prompt": not ended, **template, "tokenize": False}
    try:
        prompt: str = engine.loaded.tokenizer.apply_chat_template(history, **given)
    except Exception as error:
        hint = "" if engine.loaded.tokenizer.chat_template else "choose an instruction-tuned model"
        name = engine.key.folder.name
        raise UsageError(f"{name}: its chat template refuses the messages: {excerpt(error)}", hint=hint) from error
    tokens = [token for piece in prompt.split(BREAK) for token in encode(engine, piece)]
    return until_end(tokens, engine.loaded.tokenizer.eos_token_id) if ended else tokens


def decode(engine: Engine, tokens: Sequence[int], before: Sequence[int] = ()) -> str:
    """The text of tokens, without control tokens, as it goes on after others."""

    def text(ids: Sequence[int]) -> str:
        return engine.loaded.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)

    head, whole = text(before), text([*before, *tokens])
    return whole.removeprefix(head) if whole.startswith(head) else text(tokens)


def _reply(engine: Engine, made: Made, request: Request, tokens: Sequence[int]) -> Reply:
    if made.value is not None:
        check_value(request, made.value, engine.key.folder.name)
        return Reply(str(request.completion), made.finish, len(tokens), 0, value=made.value)
    ids, logprobs = made.tokens, made.logprobs
    before = request.prefix if isinstance(request.prefix, tuple) else ids_of(engine, request.prefix)
    if made.finish == SCORED_REASON:
        text = request.completion if isinstance(request.completion, str) else decode(engine, ids, before)
        count, stopped = len(tokens) + len(ids), False
    else:
        count = len(tokens)
        text, stopped = cut_at_stop(decode(engine, ids, before), request.sampling.stop)
    return Reply(
        text=text,
        finish_reason="stop" if stopped else made.finish,
        input_tokens=count,
        output_tokens=0 if made.finish == SCORED_REASON else len(ids),
        logprobs=logprobs if request.logprobs is not None or request.completion is not None else None,
        tokens=ids if request.tokens else None,
    )


def open_model(target: str, options: dict[str, str], spec: str) -> TransformersModel:
    """Build the model for a spec; nothing is opened.

    Args:
        target: A folder, a GGUF's path, or a name from the catalog.
        options: What follows the spec's `?`.
        spec: The whole spec.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        UsageError: An option is unknown or out of range.
    """
    given = Options("transformers", options)
    fields: dict[str, Any] = {
        "lora": given.text("lora"),
        "device": given.text("device"),
        "dtype": given.text("dtype"),
        "rows": given.count("batch", BATCH, least=1),
        "timeout": given.number("timeout", 1.0) if "timeout" in options else None,
        "template": given.json_object("template"),
        "kv": take_policy(given),
        "sampling": given.sampling(),
    }
    given.done()
    if fields["dtype"] not in DTYPES:
        raise UsageError(f"transformers: option 'dtype' must be one of {', '.join(DTYPES[1:])}")
    if fields["lora"]:
        check_adapter(fields["lora"])
    for name in NEEDED:
        if find_spec(name) is None:
            raise MissingExtraError(name, extra="train")
    return TransformersModel(spec=spec, target=target, **fields)
