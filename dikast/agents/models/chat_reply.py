"""Parts of a chat completion as servers really send them, read so that no oddity beside the reply costs the reply.

Counts that are null, fractions or words; a text in parts; half surrogates, which UTF-8 cannot hold; alternatives whose
probability is zero.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from dikast.agents.models.request import TokenLogprob
from dikast.errors import ModelError

SURROGATE = re.compile("[\ud800-\udfff]")
LEAST_LOGPROB = -9999.0
"""What OpenAI's API and vLLM write for a probability of zero, since JSON has no minus infinity."""


class BrokenReply(ModelError):
    """A body is cut, or is no chat completion: another attempt may do better."""


@dataclass(slots=True)
class Said:
    """What stands in a message: the reply, the reasoning before it, and a refusal in place of it."""

    text: list[str] = field(default_factory=list[str])
    reasoning: list[str] = field(default_factory=list[str])
    refusal: list[str] = field(default_factory=list[str])


def said_in(content: object) -> Said:
    """The texts in a message's content: none, a text, or parts of several kinds.

    Raises:
        TypeError: It is none of these.
    """
    said = Said()
    if isinstance(content, str):
        said.text.append(content)
    elif isinstance(content, list):
        for part in cast(list[object], content):
            add_part(part, said)
    elif isinstance(content, dict):
        add_part(cast(object, content), said)
    elif content is not None:
        raise TypeError(f"a text was expected, not a {type(content).__name__}")
    return said


def add_part(part: object, said: Said) -> None:
    """One part of a content: Mistral's and Anthropic's `thinking`, OpenAI's `text`, `output_text` and `refusal`."""
    if isinstance(part, str):
        said.text.append(part)
    if not isinstance(part, dict):
        return
    fields = cast(dict[str, object], part)
    kind = fields.get("type")
    if kind in ("thinking", "reasoning"):
        said.reasoning += said_in(fields.get("thinking") or fields.get("reasoning") or fields.get("text")).text
    elif kind == "refusal":
        said.refusal.append(text_or_none(fields.get("refusal")))
    else:
        said.text.append(text_or_none(fields.get("text")))


def text_or_none(value: object) -> str:
    """A text; empty for anything else."""
    return value if isinstance(value, str) else ""


def mend_text(text: str) -> str:
    """A text that UTF-8 can hold: halves of a pair put together, half surrogates alone replaced by U+FFFD."""
    if not SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object; an empty one for anything else."""
    return cast(Mapping[str, Any], value) if isinstance(value, dict) else {}


def count_of(value: object) -> int:
    """A number of tokens, rounded; 0 where the server says none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return 0
    return max(0, math.floor(value + 0.5))


def token_of(entry: object) -> TokenLogprob:
    """A token with its log-probability and alternatives; those of no probability get the least one.

    Raises:
        TypeError: The token, or its own log-probability, is missing or is no number.
    """
    fields = mapping(entry)
    alternatives = [mapping(top) for top in fields.get("top_logprobs") or ()]
    pairs = [(mend_text(str(top.get("token", ""))), logprob_of(top.get("logprob"))) for top in alternatives]
    value = logprob_of(fields.get("logprob"))
    if value is None or not isinstance(fields.get("token"), str):
        raise TypeError("a token's log-probability should be a finite number")
    kept = tuple((token, top) for token, top in pairs if top is not None)
    ids = [top.get("id") for top in alternatives]
    whole = is_ids(ids) and len(kept) == len(ids)
    return TokenLogprob(mend_text(fields["token"]), value, kept, tuple(cast(list[int], ids)) if whole else ())


def logprob_of(value: object) -> float | None:
    """A log-probability; `None` for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value) or value == math.inf:
        return None
    return max(float(value), LEAST_LOGPROB)


def is_ids(value: object) -> bool:
    """Whether this is a list of token ids."""
    return isinstance(value, list) and all(type(one) is int for one in cast(list[object], value))


def ids_in(choice: Mapping[str, Any], where: str) -> tuple[int, ...]:
    """The ids of a choice's tokens.

    Raises:
        ModelError: The server tells none.
    """
    ids = choice.get("token_ids")
    if not is_ids(ids):
        raise ModelError(f"{where}: the server told no token ids", hint="vLLM from 0.10.2 on does")
    return tuple(cast(list[int], ids))
