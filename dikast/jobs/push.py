"""A data set that `export` wrote, put on the Hugging Face hub as it lies on the disk.

    place = export(run, "datasets")
    push(place, "org/rows-of-mine", private=True)        # -> the address of the commit

All files of the folder are put there in one commit, and Parquet files under `data/` that an earlier push left and this
one has not are taken away, so that the hub never shows a mixture of two runs; other files there stay. The token is the
environment's (`HF_TOKEN`) or that of `hf auth login`: it is an argument nowhere, and written nowhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dikast.errors import DataError, UsageError
from dikast.optional import needs

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
LOGIN = "set HF_TOKEN to a token that may write, or log in with 'hf auth login'"
OLD = ["data/*.parquet"]
"""What an earlier push may have left."""


def push(folder: Path, name: str, *, private: bool = False, message: str = "Rows of a dikast run") -> str:
    """Put a folder on the hub as a data set, which is made if it is not there.

    Args:
        folder: What `export` or `export_splits` wrote, with its card.
        name: `ORG/NAME`.
        private: Whether it may be seen by its owners alone. A data set that is public already is refused then.
        message: The commit's.

    Returns:
        The commit's address.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
        UsageError: The name is none, no token is known or it may not write there; or the data set is public.
        DataError: The hub cannot be reached, or did not take it; the folder stays.
    """
    check_name(name)
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    hub: Any = needs("huggingface_hub", "hf")
    api = hub.HfApi()
    try:
        api.create_repo(name, repo_type="dataset", private=private or None, exist_ok=True)
        if private and not api.dataset_info(name).private:
            raise UsageError(f"{name} is public already", hint="make it private on the hub, or give another name")
        commit = api.upload_folder(
            repo_id=name, folder_path=folder, repo_type="dataset", commit_message=message, delete_patterns=OLD
        )
    except UsageError:
        raise
    except Exception as error:  # the client's, and its HTTP client's: they share no base
        raise told(error, name, folder) from error
    return str(commit.commit_url)


def check_name(name: str) -> None:
    """Refuse what is no data set's name, before anything is written.

    Raises:
        UsageError: It is none.
    """
    if NAME.fullmatch(name) is None:
        raise UsageError(
            f"--push-to-hub {name!r} names no data set", hint="ORG/NAME: your user name, or an organisation"
        )


def told(error: Exception, name: str, folder: Path) -> DataError | UsageError:
    """What the hub's client raised, as one line with its remedy; no header and no token is in it."""
    chain = list(causes(error))
    kinds = {type(one).__name__ for one in chain}
    status = next((code for one in chain if (code := getattr(getattr(one, "response", None), "status_code", 0))), 0)
    kept = f"{folder} stays: give the same command again"
    if "LocalTokenNotFoundError" in kinds or status == 401:
        return UsageError(f"{name}: the hub wants a token that it knows", hint=LOGIN)
    if status == 403:
        return UsageError(f"{name}: this token may not write there", hint=LOGIN)
    if "OfflineModeIsEnabled" in kinds:
        return DataError(f"{name}: the hub may not be reached; {kept}", hint="unset HF_HUB_OFFLINE")
    if status:
        return DataError(f"{name}: the hub answered with status {status}", hint=kept)
    return DataError(f"{name}: the hub cannot be reached: {type(error).__name__}", hint=kept)


def causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and what it came of."""
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__ or one.__context__
