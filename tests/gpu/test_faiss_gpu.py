"""Dense retrieval on GPUs; `pytest -m gpu` where `faiss-gpu` is installed and finds one."""

from __future__ import annotations

import numpy as np
import pytest

from dikast.errors import MissingExtraError
from dikast.retrieval import vectors
from dikast.retrieval.vectors import Searcher


def gpus() -> int:
    try:
        return vectors.faiss().get_num_gpus()
    except MissingExtraError:
        return 0


pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not gpus(), reason="needs a GPU and faiss-gpu")]


@pytest.mark.parametrize("factory", ["Flat", "IVF16,Flat", "IVF16,PQ8"])
def test_gpus_answer_as_the_cpu_does(factory: str) -> None:
    random = np.random.default_rng(0)
    made, queries = random.standard_normal((5000, 32)).astype("f4"), random.standard_normal((50, 32)).astype("f4")
    stored = vectors.build(made, factory, threads=1)
    there, here = (Searcher(stored, nprobe=16, ef=1, threads=1, gpu=gpu, origin="x") for gpu in (True, False))
    assert there.on_gpu
    same = [
        one.documents.tolist() == other.documents.tolist()
        for one, other in zip(there.search(queries, 10), here.search(queries, 10), strict=True)
    ]
    assert sum(same) >= 0.98 * len(same)
