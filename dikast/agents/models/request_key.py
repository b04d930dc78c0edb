"""The key of a request: one hash that the request cache, replay files and a job's owed requests share.

    key = request_key(request, model_fingerprint=model.fingerprint(), prompt_hash=prompt.digest, sample=2)

The key is SHA-256, in hex, over canonical JSON: an object with sorted names, no spaces, ASCII escapes, and the names
`messages`, `sampling` (every field, in `Sampling`'s own units), `structured`, `n`, `logprobs`, then `prefix`, `tokens`,
`completion`, `value`, `model`, `prompt` and `sample` where they are given. Changing any of these changes the key; the
order of names in a schema does not, nor does the machine, the Python version or the hash seed.

Not part of a key: where the model runs, timeouts, retries, and anything else that cannot change a reply's text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from dikast.agents.models.request import Request, Tokens


def request_key(
    request: Request,
    model_fingerprint: Mapping[str, object] | None = None,
    prompt_hash: str | None = None,
    sample: int | None = None,
) -> str:
    """The key of a request, 64 hex digits.

    Args:
        request: What is asked.
        model_fingerprint: `EngineModel.fingerprint()`, where replies of several models are kept together.
        prompt_hash: Digest of the prompt file that the messages were made from.
        sample: Index among samples of the same request, so that n samples are n keys.
    """
    parts = as_json(request)
    context = {"model": model_fingerprint, "prompt": prompt_hash, "sample": sample}
    parts |= {name: value for name, value in context.items() if value is not None}
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def as_json(request: Request) -> dict[str, Any]:
    """A request as the JSON object that its key is made from."""
    structured = request.structured
    # Only where they are given, so that keys from before they were there stay what they are.
    more = {"prefix": as_list(request.prefix), "completion": as_list(request.completion)}
    given = {name: value for name, value in more.items() if value}
    given |= {name: True for name in ("tokens", "value") if getattr(request, name)}
    return given | {
        "messages": list(request.messages),
        "sampling": request.sampling.model_dump(mode="json"),
        "structured": None if structured is None else structured.model_dump(mode="json", exclude_none=True),
        "n": request.n,
        "logprobs": request.logprobs,
    }


def as_list(tokens: Tokens | None) -> list[int] | str | None:
    """Token ids as JSON writes them; a text as it is."""
    return list(tokens) if isinstance(tokens, tuple) else tokens
