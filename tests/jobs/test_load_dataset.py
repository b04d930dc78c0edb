"""Hugging Face's `datasets` on our exports: its cache must never answer for another run.

With the real library where it is installed (`pip install datasets`; here 5.2), and everywhere by what decides over its
cache: a folder named after the data set, the configuration, and a hash of the card's `dataset_info` and `configs`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from dikast import jobs
from dikast.records import Outcome
from tests.jobs.graphs import graph_of, values


async def exported(out: Path, count: int, factor: int = 1, **options: Any) -> Path:
    """The data set of a run, in a folder named as every run's is: `dataset`."""

    async def node(value: int) -> int:
        return value * factor

    await jobs.run(graph_of(node), values(count), None, out)
    return jobs.export(jobs.Run.open(out), "datasets", **options)


def cache_key(folder: Path) -> tuple[str, str, str]:
    """What `datasets` caches by: folder, configuration, and the head of the card."""
    head = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    kept = {name: head.get(name) for name in ("dataset_info", "configs")}
    return folder.name, head["configs"][0]["config_name"], repr(kept)


async def test_no_two_exports_with_other_rows_have_the_same_cache_key(tmp_path: Path) -> None:
    first = cache_key(await exported(tmp_path / "a" / "run", 3))
    same_counts = cache_key(await exported(tmp_path / "b" / "run", 3, factor=2))
    other_name = cache_key(await exported(tmp_path / "c", 3))
    more_rows = cache_key(await exported(tmp_path / "a" / "run", 5))
    some_rows = cache_key(jobs.export(jobs.Run.open(tmp_path / "a" / "run"), "datasets"))
    assert len({first, same_counts, other_name, more_rows}) == 4
    assert some_rows == more_rows


async def test_the_card_counts_the_rows_of_each_split_and_names_the_run(tmp_path: Path) -> None:
    folder = await exported(tmp_path / "odd: <name>?", 4)
    head = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    (info,) = head["dataset_info"]
    size = (folder / "data" / "train-00000-of-00001.parquet").stat().st_size
    assert info["config_name"] == head["configs"][0]["config_name"] == "odd- -name--"
    assert info["splits"] == [{"name": "train", "num_bytes": size, "num_examples": 4}]
    assert info["description"].startswith("sha256 of the rows: ")


@pytest.mark.skipif(find_spec("datasets") is None, reason="Hugging Face's datasets is not installed")
async def test_the_real_library_loads_each_exports_own_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    load = import_module("datasets").load_dataset
    cache = str(tmp_path / "cache")

    def results(folder: Path) -> list[int]:
        return load(str(folder), cache_dir=cache, split="train")["output_result"]

    assert list(results(await exported(tmp_path / "a" / "run", 3))) == [0, 1, 2]
    assert list(results(await exported(tmp_path / "b" / "run", 3, factor=2))) == [0, 2, 4]
    assert list(results(await exported(tmp_path / "c", 3, factor=3))) == [0, 3, 6]
    assert list(results(await exported(tmp_path / "a" / "run", 5))) == [0, 1, 2, 3, 4]
    only = jobs.export(jobs.Run.open(tmp_path / "c"), "datasets", tmp_path / "d", outcomes=[Outcome.OK])
    assert list(results(only)) == [0, 3, 6]
