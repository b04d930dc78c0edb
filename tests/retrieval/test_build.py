from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given

from dikast.records import Document
from dikast.retrieval import build
from dikast.retrieval.analysis import analyze
from dikast.retrieval.index import Index
from tests.retrieval.test_index import collections


@given(collections)
def test_postings_hold_every_count_whatever_the_block_size(texts: dict[str, str]) -> None:
    expected = Counter(
        {(docid, term): count for docid, text in texts.items() for term, count in Counter(analyze(text)).items()}
    )
    for block in (1, 7, build.BLOCK_POSTINGS):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(build, "BLOCK_POSTINGS", block)
            patch.setattr(build, "PACK_POSTINGS", block)
            index = Index.build(Document(*item) for item in texts.items())
        found: Counter[tuple[str, str]] = Counter()
        for term in index.terms:
            postings = index.postings(term)
            assert postings is not None
            assert (np.diff(postings.documents) > 0).all()
            for number, frequency in zip(postings.documents, postings.frequencies, strict=True):
                found[index.docids[number], term] = int(frequency)
        assert found == expected
