"""What dikast calls in OpenVINO GenAI: import, opening a pipeline, and a request as its generation configuration.

Everything here is plain translation; threads and waiting are in `dikast.agents.models.openvino.engine`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from dikast.agents.models.kv_options import BLOCK
from dikast.agents.models.request import Request, Structured
from dikast.agents.models.seeds import draw_seed
from dikast.errors import MissingExtraError, ModelUnavailable, UsageError
from dikast.http.server_errors import excerpt

BATCHED_TOKENS = 2048
"""Prefill is four times as fast as with the engine's own default, 256 (measured on 2 cores)."""
CACHE_GB = 2
"""Key-value cache; memory is taken as it fills. 46,000 tokens of SmolLM2-135M."""
GIGABYTE = 1 << 30
EXACT: dict[str, str] = {
    "INFERENCE_PRECISION_HINT": "f32",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0",
    "KV_CACHE_PRECISION": "f32",
}
"""What keeps a reply from depending on what else is in the batch."""
CACHE_BYTES_A_NUMBER = 4
"""An f32; the native default, u8, takes a quarter of it, so that this is an upper bound."""
TELEMETRY = "openvino_telemetry"
GREEDY_BELOW = 1e-5
"""A temperature that is greedy decoding; vLLM's value (`_SAMPLING_EPS`)."""
WHERE = re.compile(r"^.*?\.(?:cc|cpp|h|hpp):\d+:?\s*", re.DOTALL)
"""The source file and line that a native exception begins with."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How an engine is opened.

    Args:
        threads: CPU threads; 0 for all cores.
        cache_gb: GB of key-value cache.
        fast: Quantised activations and cache: faster, and replies then depend on what else is in the batch.
        kv: A cache that forgets: policy, heavy and recent tokens, in whole blocks; see `kv_options.take_blocks`.
    """

    threads: int = 0
    cache_gb: int = CACHE_GB
    fast: bool = False
    kv: tuple[str, int, int] | None = None

    def properties(self) -> dict[str, str]:
        """As OpenVINO names them."""
        threads = {"INFERENCE_NUM_THREADS": str(self.threads)} if self.threads else {}
        return threads if self.fast else {**EXACT, **threads}


def extract_reason(error: Exception) -> str:
    """What a native exception says after the file and line that it names."""
    told = WHERE.sub("", str(error), count=1) or str(error)
    return excerpt(told.removeprefix("Check failed: "))


def import_genai() -> Any:
    """`openvino_genai`, imported without OpenVINO's telemetry, which else opens a socket at import.

    Raises:
        MissingExtraError: It is not installed.
    """
    absent = object()
    before: Any = sys.modules.get(TELEMETRY, absent)
    # None makes `import openvino_telemetry` fail, for which OpenVINO has a stub.
    sys.modules[TELEMETRY] = None  # pyright: ignore[reportArgumentType] # how the import system blocks a module
    try:
        return import_module("openvino_genai")
    except ImportError as error:
        raise MissingExtraError("openvino-genai", extra="cpu") from error
    finally:
        if before is absent:
            del sys.modules[TELEMETRY]
        else:
            sys.modules[TELEMETRY] = before


def load_pipeline(genai: Any, path: Path, settings: Settings) -> Any:
    """A continuous-batching pipeline for a GGUF.

    Raises:
        ModelUnavailable: OpenVINO cannot load it.
    """
    scheduler = genai.SchedulerConfig()
    scheduler.max_num_batched_tokens = BATCHED_TOKENS
    scheduler.cache_size = settings.cache_gb
    # Under quantised arithmetic a prompt that is found in the cache and one that is not differ in the last digits.
    # A cache that forgets has no prefixes to share.
    scheduler.enable_prefix_caching = not settings.fast and settings.kv is None
    if settings.kv is not None:
        scheduler.use_cache_eviction, scheduler.cache_eviction_config = True, eviction_config(genai, *settings.kv)
    try:
        return genai.ContinuousBatchingPipeline(str(path), scheduler, "CPU", settings.properties(), {})
    except Exception as error:
        raise ModelUnavailable(
            f"OpenVINO cannot load {path.name}: {extract_reason(error)}",
            hint="it reads GGUFs of llama, qwen2, qwen3 (F16, Q8_0, Q4_0, Q4_1, Q4_K, Q6_K); cache_gb must fit in RAM",
        ) from error


def eviction_config(genai: Any, policy: str, heavy: int, recent: int) -> Any:
    """OpenVINO's cache eviction.

    It keeps the first block always, the last `recent` tokens, and of what is between the blocks that are worth most, in
    one choice for all heads of a layer. The prompt is read whole; what is let go is let go after it.
    """
    modes = {"h2o": genai.AggregationMode.SUM, "h2o-normalised": genai.AggregationMode.NORM_SUM}
    return genai.CacheEvictionConfig(BLOCK, recent, heavy + recent, modes[policy])


def generation_config(genai: Any, request: Request, draw: int) -> Any:
    """The native configuration of the `draw`-th reply.

    Raises:
        UsageError: A stop string or a form holds a lone surrogate, which no reply can.
    """
    sampling = request.sampling
    config = genai.GenerationConfig()
    config.max_new_tokens = sampling.max_tokens
    config.repetition_penalty = sampling.repetition_penalty
    if sampling.temperature >= GREEDY_BELOW:
        config.do_sample = True
        config.temperature, config.top_p = sampling.temperature, sampling.top_p
        config.rng_seed = draw_seed(sampling, draw)
        if sampling.top_k:
            config.top_k = sampling.top_k
    if request.logprobs is not None:
        config.logprobs = 1
    try:
        if sampling.stop:
            # Kept in the output, and cut from the text by the model: the engine would drop the whole last token.
            config.stop_strings, config.include_stop_str_in_output = set(sampling.stop), True
        if request.structured is not None:
            config.structured_output_config = _native_form(genai, request.structured)
    except (TypeError, UnicodeError) as error:
        raise UsageError("a stop string or structured form is not valid Unicode: it holds a lone surrogate") from error
    return config


def form_text(structured: Structured | None) -> str:
    """The text of a form that the native compiler might refuse; a choice is a grammar of ours, which it takes."""
    return "" if structured is None or structured.choice is not None else repr(structured)


def _native_form(genai: Any, structured: Structured) -> Any:
    native = genai.StructuredOutputConfig()
    if structured.json_schema is not None:
        native.json_schema = json.dumps(structured.json_schema)
    elif structured.choice is not None:
        native.grammar = choice_grammar(structured.choice)
    elif structured.regex is not None:
        native.regex = structured.regex
    else:
        native.grammar = structured.grammar
    return native


def choice_grammar(choice: Sequence[str]) -> str:
    """A choice of strings in the engine's EBNF; each character beyond letters, digits and spaces is escaped.

    Raises:
        UnicodeError: One of them holds a lone surrogate.
    """
    for text in choice:
        text.encode()
    quoted = ['"' + "".join(_escaped(character) for character in text) + '"' for text in choice]
    return f"root ::= {' | '.join(quoted)}"


def _escaped(character: str) -> str:
    if character == " " or (character.isascii() and character.isalnum()):
        return character
    return f"\\U{ord(character):08x}" if ord(character) > 0xFFFF else f"\\u{ord(character):04x}"
