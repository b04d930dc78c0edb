"""The scripted engine's function in the contract suite: slow where it is asked to count, obedient to forms."""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256

from dikast.agents.models.request import Request
from dikast.agents.models.scripted import scripted
from dikast.errors import ModelError
from tests.loopback import KINDS, MATCHES, VOCABULARY, instance

SECONDS_PER_WORD = 0.005
held: set[object] = set()
"""Calls being worked on."""


@scripted
async def speaker(request: Request, sample: int) -> str:
    call = object()
    held.add(call)
    try:
        return await said(request, sample)
    finally:
        held.remove(call)


async def said(request: Request, sample: int) -> str:
    form = request.structured
    if form is not None:
        if form.json_schema is not None:
            if form.json_schema["type"] not in KINDS:
                raise ModelError("impossible schema")
            return json.dumps(instance(dict(form.json_schema)))
        return form.choice[0] if form.choice else MATCHES[form.regex or form.grammar or ""]
    if request.messages[-1]["content"].startswith("Count"):
        await asyncio.sleep(SECONDS_PER_WORD * request.sampling.max_tokens)
        return " ".join(map(str, range(1, 1001)))
    draw = (request.sampling.seed, sample) if request.sampling.temperature else None
    key = int(sha256(repr((request.messages, draw)).encode()).hexdigest(), 16)
    return " ".join(VOCABULARY[(key >> shift) % len(VOCABULARY)] for shift in range(0, 32, 4))
