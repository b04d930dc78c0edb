"""An HTTP answer as read from the wire, and whether another attempt may mend it.

answer.status, answer.content, answer.value      # the value is the body read as JSON, once
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from yarl import URL

from dikast.errors import ModelError
from dikast.http.server_errors import is_overflow, is_spent

PASSING = frozenset({408, 409, 425, 429})
"""Below 500, what another attempt may mend: a request that came too slowly, in a conflict, too early, too often. The
OpenAI client tries the same again, but for 425 (RFC 8470)."""
OVERLOADED = frozenset({429, 503, 529})
"""What asks for fewer calls; 529 is Anthropic's."""
LARGEST_BODY_BYTES = 64 * 2**20
"""A reply with 64 samples of 512 tokens, 20 alternatives each, is about 40 MB."""
PACKED = frozenset({"gzip", "x-gzip", "deflate"})
EITHER_HEADER = zlib.MAX_WBITS | 32
"""Has zlib look for itself whether a body has gzip's header or its own."""


class Unreadable:
    """What stands for a body that is no JSON; JSON's own null is `None`."""


UNREADABLE = Unreadable()


@dataclass(frozen=True)
class Answer:
    """An HTTP answer of any status.

    Args:
        url: The server's address.
        status: The HTTP status.
        content: The whole body.
        retry_after: When to come back, as a Retry-After header says it.
    """

    url: URL
    status: int
    content: bytes
    retry_after: str = ""

    @property
    def passing(self) -> bool:
        """Whether another attempt may mend it, by what the server says."""
        if self.status in PASSING:
            return not is_spent(self.content)
        return self.status >= 500 and self.status != 501 and not is_overflow(self.content.decode("utf-8", "replace"))

    @cached_property
    def value(self) -> Any:
        """The body read as JSON; `UNREADABLE` where it is none.

        A byte order mark is passed over, and bytes that are no UTF-8 become U+FFFD: neither costs a reply.
        """
        try:
            return json.loads(self.content.decode("utf-8-sig", "replace"))
        except (ValueError, RecursionError):
            return UNREADABLE


def wait_asked(headers: Mapping[str, str]) -> str:
    """When to come back: `retry-after-ms`, which OpenAI and Azure send beside the coarser Retry-After, else that."""
    milliseconds = headers.get("retry-after-ms", "").strip()
    try:
        return f"{float(milliseconds) / 1000}"
    except ValueError:
        return headers.get("Retry-After", "")


def unpacked(content: bytes, encoding: str, where: URL) -> bytes:
    """A body as it was before it was packed, though nobody asked for that: some proxies do.

    Raises:
        ModelError: It unpacks to more than `LARGEST_BODY_BYTES`.
    """
    if encoding.strip().lower() not in PACKED:
        return content
    unpacking = zlib.decompressobj(EITHER_HEADER)
    try:
        plain = unpacking.decompress(content, LARGEST_BODY_BYTES)
    except zlib.error:
        return content
    if unpacking.unconsumed_tail:
        raise too_large(where)
    return plain


def too_large(where: URL) -> ModelError:
    """The error for a body beyond the bound."""
    return ModelError(f"{where}: the reply is larger than {LARGEST_BODY_BYTES >> 20} MiB")
