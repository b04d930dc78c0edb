"""One request's way round equal servers: whom to ask next, whose fault a failure was, when to give up.

    way = Round(retries=5, broken=never)
    while True:
        endpoint = way.pick(endpoints)
        outcome = ...                                  # an attempt
        pause = way.pause_after(endpoint, outcome, endpoints, met=True)
        if pause is None:
            return final(outcome, way.attempts)

Three kinds of failure. One that may pass is tried again, on whatever server is free. One that lasts (400, 401, 404, an
empty account, silence) makes its server a suspect, and another one, if there is one free, a witness: a witness that
answers convicts the suspects, one that had been well and fails too acquits them. Where no server has ever answered, one
that cannot be reached is not tried twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dikast.errors import ModelError, ModelTimeout, ModelUnavailable
from dikast.http.answers import Answer
from dikast.http.endpoints import Endpoint, least_loaded
from dikast.http.pauses import pause_before

Outcome = Answer | ModelError
"""What an attempt came to: an answer, good or bad, or why there is none."""


class NobodyThere(ModelUnavailable):
    """No connection was made: the port is closed, the name unknown, the host silent."""


class Round:
    """The state of one request.

    Args:
        retries: Attempts after the first.
        broken: Whether a 200's body is none that was agreed, so that another attempt may mend it.
    """

    def __init__(self, retries: int, broken: Callable[[Answer], bool]) -> None:
        self.retries, self.broken = retries, broken
        self.attempts = 0
        self._suspects: list[Endpoint] = []
        self._absent: list[Endpoint] = []

    def pick(self, endpoints: Sequence[Endpoint]) -> Endpoint:
        """Whom to ask next."""
        return least_loaded(endpoints, passed_over=[*self._suspects, *self._absent])

    def pause_after(
        self, endpoint: Endpoint, outcome: Outcome, endpoints: Sequence[Endpoint], *, met: bool
    ) -> float | None:
        """Seconds to wait before the next attempt; `None` if there is none, and the outcome stands.

        Args:
            endpoint: Who was asked.
            outcome: What came of it.
            endpoints: All servers.
            met: Whether any server has ever answered anybody.
        """
        self.attempts += 1
        if self._well(outcome):
            self._convict(endpoint)
            return None
        pause = pause_before(self.attempts, outcome.retry_after if isinstance(outcome, Answer) else "")
        if isinstance(outcome, NobodyThere) and not met:
            return self._after_absence(endpoint, pause, endpoints)
        if self._may_pass(outcome):
            return self._after_passing(endpoint, pause, endpoints)
        return self._after_lasting(endpoint, outcome, endpoints)

    def _well(self, outcome: Outcome) -> bool:
        return isinstance(outcome, Answer) and 200 <= outcome.status < 300 and not self.broken(outcome)

    def _may_pass(self, outcome: Outcome) -> bool:
        if isinstance(outcome, Answer):
            return outcome.passing or (outcome.status == 200 and self.broken(outcome))
        return isinstance(outcome, ModelUnavailable)

    def _convict(self, witness: Endpoint) -> None:
        """The request was not to blame."""
        witness.answered()
        for endpoint in self._suspects:
            if endpoint is not witness:
                endpoint.failed()

    def _after_absence(self, endpoint: Endpoint, pause: float, endpoints: Sequence[Endpoint]) -> float | None:
        self._absent.append(endpoint)
        endpoint.failed(pause)
        everybody = all(other in self._absent for other in endpoints)
        return None if everybody or self._used_up else 0.0

    def _after_passing(self, endpoint: Endpoint, pause: float, endpoints: Sequence[Endpoint]) -> float | None:
        endpoint.failed(pause)
        if self._used_up:
            return None
        return 0.0 if any(other.available for other in endpoints) else pause

    def _after_lasting(self, endpoint: Endpoint, outcome: Outcome, endpoints: Sequence[Endpoint]) -> float | None:
        self._suspects.append(endpoint)
        acquitted = endpoint.proven and len(self._suspects) > 1
        # A sick one had its chance; a silent one costs its time limit each time.
        if endpoint.sick or isinstance(outcome, ModelTimeout):
            endpoint.failed()
        witness = any(other.available and other not in self._suspects for other in endpoints)
        if witness and not acquitted and not self._used_up:
            return 0.0
        if len(self._suspects) == 1:
            endpoint.doubt(endpoints)
        return None

    @property
    def _used_up(self) -> bool:
        return self.attempts > self.retries


def final(outcome: Outcome, attempts: int) -> Answer:
    """The last attempt's answer.

    Raises:
        ModelError: It had none.
    """
    if isinstance(outcome, Answer):
        return outcome
    if not isinstance(outcome, ModelUnavailable):
        raise outcome
    told = f"{attempts} attempt{'s' * (attempts > 1)}"
    raise ModelUnavailable(f"{outcome.message} ({told})", hint="is the server up, and the address right?")
