"""One of several equal servers, and its circuit breaker.

A server is closed to requests (in the breaker's words: open) for a rest after a failure of its own, longer each time;
then one request at a time probes it (half-open), and one answer closes the breaker. Which failures are a server's own
is for `transport.py` to find out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from time import monotonic

from yarl import URL

from dikast.http.pauses import backoff

DOUBTS = 3
"""Failures in a row after which a server is taken out unasked, while another one is well. Two may be chance."""


@dataclass(slots=True, eq=False)
class Endpoint:
    """One server as seen from one event loop.

    Args:
        url: Its address.
        in_flight: Requests that it works on.
        rests: How often in a row it was given a rest; 0 if it is well.
        rests_until: When the last rest ends, in `monotonic` seconds.
        proven: Whether the last thing it did was to answer well.
        doubts: Failures in a row that nobody else was asked about.
    """

    url: URL
    in_flight: int = 0
    rests: int = 0
    rests_until: float = 0.0
    proven: bool = False
    doubts: int = 0

    @property
    def sick(self) -> bool:
        """Whether it has failed and not answered since."""
        return self.rests > 0

    @property
    def available(self) -> bool:
        """Whether it may be given a request; a sick one is probed by one request at a time."""
        return not self.sick or (self.in_flight == 0 and monotonic() >= self.rests_until)

    def answered(self) -> None:
        """It is well."""
        self.rests, self.doubts, self.proven = 0, 0, True

    def failed(self, pause: float = 0.0) -> None:
        """Let it rest: so many seconds at least, and longer each time.

        Failures that come while it rests were under way before; they make the rest no longer than they ask.
        """
        now = monotonic()
        if now >= self.rests_until:
            self.rests += 1
        self.proven = False
        self.rests_until = max(self.rests_until, now + max(pause, backoff(self.rests)))

    def doubt(self, others: Sequence[Endpoint]) -> None:
        """It failed, and nobody could be asked whether the request was to blame."""
        self.doubts += 1
        if self.doubts >= DOUBTS and any(other.proven for other in others if other is not self):
            self.failed()


def least_loaded(endpoints: Sequence[Endpoint], passed_over: Collection[Endpoint] = ()) -> Endpoint:
    """The available server with least in flight; the one whose rest ends first if none is available.

    Args:
        endpoints: All servers.
        passed_over: Servers that have had this request, to be asked again only where no other is left.
    """
    fresh = [endpoint for endpoint in endpoints if endpoint not in passed_over] or endpoints
    available = [endpoint for endpoint in fresh if endpoint.available]
    if available:
        return min(available, key=lambda endpoint: endpoint.in_flight)
    return min(fresh, key=lambda endpoint: endpoint.rests_until)
