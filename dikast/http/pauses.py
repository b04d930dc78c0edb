"""How long to wait before another attempt: what the server asks for, else exponential backoff with jitter.

await sleep(pause_before(attempt, answer.retry_after))
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

BACKOFF_SECONDS = 0.5
"""First pause, doubled with each attempt; the OpenAI client's value."""
LONGEST_PAUSE_SECONDS = 60.0
"""Neither backoff nor a server's Retry-After holds a request for longer."""
LARGEST_DOUBLINGS = 16
"""Beyond which every backoff is the longest pause; keeps the power small."""


def pause_before(attempt: int, retry_after: str = "") -> float:
    """Seconds to wait before an attempt (1 = the first retry): what the server asks for, else backoff with jitter."""
    asked = seconds_of(retry_after)
    if asked is not None:
        return min(asked, LONGEST_PAUSE_SECONDS)
    # Half fixed, half random: attempts that failed together do not come back together.
    return backoff(attempt) * (0.5 + random.random() / 2)


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures in a row (1 or more), without jitter."""
    return min(BACKOFF_SECONDS * 2 ** min(failures - 1, LARGEST_DOUBLINGS), LONGEST_PAUSE_SECONDS)


def seconds_of(retry_after: str) -> float | None:
    """A Retry-After header as seconds from now (RFC 9110, 10.2.3: seconds or a date); `None` if it is neither."""
    text = retry_after.strip()
    try:
        return max(float(text), 0.0) if float(text) < float("inf") else None
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max((date - datetime.now(UTC)).total_seconds(), 0.0)
