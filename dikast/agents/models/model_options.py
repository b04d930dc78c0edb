"""The part of a model spec after its `?`: `dikast.spec_options`, with sampling.

options = Options("server", {"timeout": "30", "seed": "7"})
options.number("timeout", 600.0)
options.sampling()
options.done()
"""

from __future__ import annotations

from pydantic import ValidationError

from dikast import spec_options as options
from dikast.agents.models.request import Sampling
from dikast.errors import UsageError

SAMPLING = tuple(name for name in Sampling.model_fields if name != "stop")


class Options(options.Options):
    """The options of one model spec."""

    def sampling(self, base: Sampling | None = None) -> Sampling:
        """Take the fields of `Sampling` (all but `stop`); those not given are `base`'s.

        Raises:
            UsageError: One of them is out of its range.
        """
        self.known.extend(SAMPLING)
        given = {name: self.given.pop(name) for name in SAMPLING if name in self.given}
        try:
            return Sampling.model_validate({**(base or Sampling()).model_dump(), **given})
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise UsageError(f"{self.scheme}: option {name!r}: {first['msg']}") from None
