from __future__ import annotations

import json
import zlib
from pathlib import Path

from dikast.retrieval import store
from tests.contract.encoder import toy
from tests.retrieval.test_dense import path

__all__ = ["path"]  # the fixtures


def test_what_is_remembered_is_json_that_others_can_read(path: Path) -> None:
    meta = store.open_file(path).meta
    assert meta["encoder"] == toy.fingerprint()
    assert (meta["dimension"], meta["metric"], meta["factory"], meta["kind"]) == (32, "cosine", "Flat", "dense")
    assert json.loads(json.dumps(meta)) == meta
    assert zlib.crc32(store.open_file(path).sections["vectors"].tobytes())
