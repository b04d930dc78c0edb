"""Weights for `--select evidence` that `dikast genqr learn` wrote, and the file that holds them."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from dikast.disk import refused
from dikast.errors import DataError


class Learnt(BaseModel, frozen=True):
    """What a file of learnt weights holds.

    Attributes:
        weights: Feature -> weight.
        queries: Ids of the queries that they were learnt from; on these they prove nothing.
    """

    model_config = ConfigDict(extra="forbid")

    weights: dict[str, float]
    queries: list[str]


def read_weights(path: str) -> Learnt:
    """Read a file that `dikast genqr learn` wrote.

    Raises:
        DataError: It cannot be read, or is no such file.
    """
    try:
        return Learnt.model_validate_json(Path(path).read_bytes())
    except OSError as error:
        raise refused(error, path) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or None
        raise DataError(str(first["msg"]), path=path, field=field, hint="write it with dikast genqr learn") from error
