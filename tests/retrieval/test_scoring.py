from __future__ import annotations

from dikast.retrieval.scoring import lossy_lengths

LUCENE_LENGTHS = [*range(40), 40, 42, 44, 46, 48, 50, 52, 54, 56, 60, 64, 68, 72, 76, 80, 84, 88, 96, 104, 112, 120]


def test_lengths_are_rounded_as_lucene_stores_them() -> None:
    import numpy as np

    lengths = np.arange(121, dtype=np.int32)
    stored = np.array(LUCENE_LENGTHS)
    expected = [int(stored[stored <= length].max()) for length in lengths]
    assert lossy_lengths(lengths).tolist() == expected
    assert lossy_lengths(np.array([1_000_000, 2**31 - 1], np.int32)).tolist() == [983_064, 2_013_265_944]
