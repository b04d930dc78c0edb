"""From a `Request` to vLLM and back: with `vllm_arguments` and `vllm_reasoning`, what speaks to the library itself.

Written against vLLM 0.31 to 0.33; what a release lacks is found out by looking, and refused where it would be missed.
"""

from __future__ import annotations

import asyncio
import gc
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from vllm.logprobs import Logprob
from vllm.lora.request import LoRARequest
from vllm.outputs import CompletionOutput, RequestOutput
from vllm.platforms import current_platform
from vllm.pooling_params import PoolingParams
from vllm.renderers.params import ChatParams
from vllm.sampling_params import RequestOutputKind, SamplingParams, StructuredOutputsParams
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.exceptions import EngineDeadError

from dikast.agents.models.control_tokens import BREAK
from dikast.agents.models.engine import check_kind, check_value
from dikast.agents.models.request import SCORED_REASON, Message, Reply, Request, Structured, TokenLogprob, Tokens
from dikast.agents.models.stops import until_end
from dikast.agents.models.vllm.arguments import engine_arguments
from dikast.agents.models.vllm.reasoning import Reasoning
from dikast.agents.models.vllm.turns import Turns
from dikast.errors import ModelContextOverflow, ModelError, ModelUnavailable, UsageError
from dikast.http.server_errors import excerpt

if TYPE_CHECKING:
    from dikast.agents.models.vllm.ask import Ask

LEAST_LOGPROB = -9999.0
"""What vLLM's own server writes for a probability of 0; JSON has no infinity."""
ZERO_WIDTH_SPACE = "\u200b"
Calls = Callable[..., AsyncGenerator[Any]]
"""`AsyncLLM.generate`, or `encode`."""
BROKEN_OFF = frozenset({"abort", "error"})
"""Finish reasons of a reply that the engine gave up in the middle."""


class Asker:
    """An open engine. Everything here runs in the engine's own event loop."""

    def __init__(self, llm: AsyncLLM, model: str, reasoning: Reasoning | None, *, lora: bool) -> None:
        self._llm = llm
        self._model = model
        self._reasoning = reasoning
        self._context = llm.model_config.max_model_len
        self._headed = llm.model_config.runner_type == "pooling"
        self._controls = control_texts(llm.get_tokenizer())
        self._numbers = count()
        self._adapters: dict[tuple[str, str], LoRARequest] = {}
        # The CPU's kernels (vLLM 0.32, lora/ops/torch_ops) take "no adapter", -1, for the last one, and apply it to the
        # requests without an adapter that happen to be in the same batch.
        self._turns = Turns() if lora and current_platform.is_cpu() else None

    @classmethod
    def open(cls, model: str, arguments: Mapping[str, str], *, lora: bool) -> Asker:
        """Start the engine, in the running event loop; takes from seconds to minutes.

        Raises:
            UsageError: An engine argument is unknown or wrong.
        """
        given = dict(arguments) | ({"enable_lora": "true"} if lora else {})
        engine_args = engine_arguments(model, given)
        llm = AsyncLLM.from_engine_args(engine_args)
        reasoning = Reasoning.of(engine_args.reasoning_parser, llm.get_tokenizer())
        return cls(llm, model, reasoning, lora=lora)

    @property
    def unfinished(self) -> int:
        """Requests in the engine."""
        return self._llm.output_processor.get_num_unfinished_requests()

    def shutdown(self) -> None:
        """End the engine's processes. Nothing else may be called afterwards."""
        self._llm.shutdown()
        # Otherwise it does so once more, at the interpreter's end, when its module is gone.
        del self._llm
        gc.collect()

    async def count_tokens(self, text: str) -> int:
        """How many tokens a text has, without the chat template's."""
        tokens = await asyncio.to_thread(self._llm.get_tokenizer().encode, text, add_special_tokens=False)
        return len(tokens)

    def end_tokens(self) -> tuple[int, ...]:
        """The tokens that end a turn."""
        told: Any = self._llm.model_config.try_get_generation_config().get("eos_token_id")
        given = [told] if isinstance(told, int) else list(told or ())
        own = self._llm.get_tokenizer().eos_token_id
        return tuple(sorted({*given, *([] if own is None else [own])}))

    async def ask(self, ask: Ask) -> list[Reply]:
        """The replies to one request; cancelling it frees what it holds in the engine.

        Raises:
            ModelError: It got no reply; the subclass says how.
            UsageError: A value is asked of a model without a value head, or anything else of one with it.
        """
        request = ask.request
        check_kind(f"vllm: {self._model}", request, headed=self._headed)
        if request.value:
            return [await self._value(request, ask)]
        prompt = await self._rendered(request.messages, ask.template)
        prefix, scored = await self._ids(request.prefix), await self._ids(request.completion or ())
        prompt = {**prompt, "prompt_token_ids": [*prompt["prompt_token_ids"], *prefix, *scored]}
        self._check_room(prompt, 1 if scored else request.sampling.max_tokens)
        async with self._turns.of("adapter" if ask.lora else "none") if self._turns else nullcontext():
            output = await self._generated(prompt, ask)
        if request.completion is not None:
            return [self._score(request, output, scored)]
        return [self._reply(request, output, completion, ask.template) for completion in output.outputs]

    async def _value(self, request: Request, ask: Ask) -> Reply:
        """The number that the value head gives to the chat with the completion as its last turn."""
        said = Message(role="assistant", content=str(request.completion))
        prompt = await self._rendered([*request.messages, said], ask.template, ended=True)
        ids = until_end(prompt["prompt_token_ids"], self._llm.get_tokenizer().eos_token_id)
        prompt = {**prompt, "prompt_token_ids": ids}
        self._check_room(prompt, 0)
        raw = PoolingParams(task="classify", use_activation=False)
        output = await self._last(self._llm.encode, prompt, raw, ask)
        numbers: list[float] = output.outputs.data.flatten().tolist()
        if len(numbers) != 1:
            told = f"vllm: {self._model} has {len(numbers)} numbers for an output"
            raise UsageError(told, hint="a value head or reward model has one")
        check_value(request, numbers[0], f"vllm: {self._model}")
        cached: int = output.num_cached_tokens or 0
        return Reply(said["content"], SCORED_REASON, len(ids), 0, prefix_cached_tokens=cached, value=numbers[0])

    def _check_room(self, prompt: Mapping[str, Any], most: int) -> None:
        tokens = len(prompt["prompt_token_ids"])
        if tokens + most > self._context:
            told = f"{tokens} prompt tokens and max_tokens={most}"
            hint = "shorten the prompt, lower max_tokens, or open the model with a larger max_model_len"
            raise ModelContextOverflow(f"vllm: {told} do not fit into {self._context} tokens", hint=hint)

    async def _ids(self, part: Tokens) -> tuple[int, ...]:
        """Token ids as they are; a text's, in which no control token is one."""
        if isinstance(part, tuple):
            return part
        encode = self._llm.get_tokenizer().encode
        broken = self._controls.sub(lambda match: match[2] + BREAK, part) if self._controls else part
        pieces = [await asyncio.to_thread(encode, piece, add_special_tokens=False) for piece in broken.split(BREAK)]
        return tuple(token for piece in pieces for token in piece)

    async def _rendered(
        self, chat_so_far: Sequence[Message], template: Mapping[str, Any], *, ended: bool = False
    ) -> dict[str, Any]:
        """The prompt's tokens by the model's chat template, ready for a reply or not; vLLM works it out in a thread."""
        renderer = self._llm.renderer
        messages = [{**message, "content": harmless(message["content"], self._controls)} for message in chat_so_far]
        chat = ChatParams(chat_template_kwargs={"add_generation_prompt": not ended, **template})
        # Without a bound here the whole prompt is counted, so that the error can say how long it is.
        tokens = replace(renderer.default_chat_tok_params, max_total_tokens=None)
        try:
            _, [prompt] = await renderer.render_chat_async([messages], chat, tokens)
        except Exception as error:
            hint = "the model has no chat template: choose an instruction-tuned one" if "template" in str(error) else ""
            raise ModelError(f"vllm: {self._model}: cannot render the chat: {excerpt(error)}", hint=hint) from error
        return prompt

    async def _generated(self, prompt: dict[str, Any], ask: Ask) -> RequestOutput:
        parameters = sampling_parameters(ask.request)
        extra: dict[str, Any] = {}
        if self._reasoning:
            parameters.skip_special_tokens = not self._reasoning.keeps_special_tokens(ask.template)
            extra = self._reasoning.extra(ask.template)
        return await self._last(self._llm.generate, prompt, parameters, ask, **extra)

    async def _last(self, call: Calls, prompt: Mapping[str, Any], parameters: Any, ask: Ask, **more: Any) -> Any:
        """The last output of a request: its only one, that of a generation holding all replies (FINAL_ONLY)."""
        number, lora = f"dikast-{next(self._numbers)}", self._adapter(ask.lora)
        try:
            outputs = call(prompt, parameters, number, lora_request=lora, priority=ask.priority, **more)
            return [output async for output in outputs][-1]
        except EngineDeadError as error:
            hint = "its log above says why; memory is the usual reason"
            raise ModelUnavailable(f"vllm: the engine of {self._model} died", hint=hint) from error
        except Exception as error:
            if not refused(error):
                raise
            raise ModelError(f"vllm: {self._model}: {excerpt(error.__cause__ or error)}") from error

    def _adapter(self, lora: tuple[str, str] | None) -> LoRARequest | None:
        if lora is None:
            return None
        if lora not in self._adapters:
            self._adapters[lora] = LoRARequest(lora[0], len(self._adapters) + 1, lora[1])
        return self._adapters[lora]

    def _reply(
        self, request: Request, output: RequestOutput, completion: CompletionOutput, template: Mapping[str, Any]
    ) -> Reply:
        if completion.finish_reason in BROKEN_OFF:
            raise ModelError(f"vllm: {self._model}: the engine broke the reply off ({completion.finish_reason})")
        text, thoughts, thought = completion.text, "", 0
        if self._reasoning:
            text, thoughts, thought = self._reasoning.split(completion, request, template)
        return Reply(
            text=text,
            finish_reason=completion.finish_reason or "unknown",
            input_tokens=len(output.prompt_token_ids or ()),
            output_tokens=len(completion.token_ids),
            reasoning=thoughts,
            logprobs=None if request.logprobs is None else logprobs_of(completion, request.logprobs),
            reasoning_tokens=thought,
            prefix_cached_tokens=output.num_cached_tokens or 0,
            tokens=tuple(completion.token_ids) if request.tokens else None,
        )

    def _score(self, request: Request, output: RequestOutput, scored: tuple[int, ...]) -> Reply:
        places = list(output.prompt_logprobs or ())[-len(scored) :]
        pairs = zip(scored, places, strict=True)
        given = request.completion
        return Reply(
            text=given
            if isinstance(given, str)
            else self._llm.get_tokenizer().decode(list(scored), skip_special_tokens=True),
            finish_reason=SCORED_REASON,
            input_tokens=len(output.prompt_token_ids or ()),
            output_tokens=0,
            logprobs=tuple(logprob_of(token, place or {}, request.logprobs or 0) for token, place in pairs),
            prefix_cached_tokens=output.num_cached_tokens or 0,
            tokens=scored if request.tokens else None,
        )


def control_texts(tokenizer: Any) -> re.Pattern[str] | None:
    """What finds the texts of control tokens, such as the one that ends a turn; `None` if the tokenizer tells none."""
    tokens: Mapping[int, Any] = getattr(tokenizer, "added_tokens_decoder", {})
    texts = [re.escape(str(token)) for token in tokens.values() if token.special and len(str(token)) > 1]
    # A lookahead finds overlapping ones too.
    return re.compile(f"(?=({'|'.join(texts)}))(.)", re.DOTALL) if texts else None


def harmless(text: str, controls: re.Pattern[str] | None) -> str:
    """A message's text in which no control token is left: each is broken by a zero-width space after its first letter.

    Else text from elsewhere could end its own turn and speak as somebody else.
    """
    return controls.sub(lambda match: match[2] + ZERO_WIDTH_SPACE, text) if controls else text


def refused(error: Exception) -> bool:
    """Whether vLLM turned a request down, or failed at it, rather than our code at calling it."""
    return type(error).__module__.startswith("vllm") or isinstance(error, ValueError)


def sampling_parameters(request: Request) -> SamplingParams:
    """A request as vLLM's parameters."""
    sampling = request.sampling
    if request.completion is not None:
        # vLLM makes at least one token; it is thrown away.
        return SamplingParams(
            max_tokens=1,
            temperature=0.0,
            prompt_logprobs=request.logprobs or 0,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
    return SamplingParams(
        n=request.n,
        max_tokens=sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        repetition_penalty=sampling.repetition_penalty,
        seed=sampling.seed,
        stop=list(sampling.stop),
        logprobs=request.logprobs,
        structured_outputs=structured_parameters(request.structured),
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def structured_parameters(structured: Structured | None) -> StructuredOutputsParams | None:
    """A form as vLLM's parameters."""
    if structured is None:
        return None
    if structured.json_schema is not None:
        return StructuredOutputsParams(json=dict(structured.json_schema))
    if structured.choice is not None:
        return StructuredOutputsParams(choice=list(structured.choice))
    return StructuredOutputsParams(regex=structured.regex, grammar=structured.grammar)


def logprobs_of(completion: CompletionOutput, alternatives: int) -> tuple[TokenLogprob, ...]:
    """Each token's log-probability, and those of the likeliest tokens at its place."""
    pairs = zip(completion.token_ids, completion.logprobs or (), strict=False)
    return tuple(logprob_of(token, place, alternatives) for token, place in pairs)


def logprob_of(token: int, place: Mapping[int, Logprob], alternatives: int) -> TokenLogprob:
    """A token's log-probability at its place, and those of the likeliest tokens there."""
    own = place[token]
    ranked = sorted(place.items(), key=lambda entry: entry[1].rank or 0)[:alternatives]
    top = tuple((entry.decoded_token or "", bounded(entry.logprob)) for _, entry in ranked)
    return TokenLogprob(own.decoded_token or "", bounded(own.logprob), top, tuple(id_ for id_, _ in ranked))


def bounded(logprob: float) -> float:
    """A finite log-probability."""
    return max(logprob, LEAST_LOGPROB)
