from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dikast.errors import MissingExtraError
from dikast.evaluation.interchange.summeval import read_summaries
from dikast.evaluation.metrics import lexical
from dikast.evaluation.metrics.lexical import METRICS, bleu, chrf, rouge
from dikast.rows import read_rows


def test_recorded_values_are_reproduced(shared_data: Path) -> None:
    folder = shared_data / "evals" / "summeval"
    texts = read_summaries(folder / "system_summaries_human.jsonl", folder / "references.jsonl")
    expected = list(read_rows(folder / "expected_metrics.jsonl"))
    for text, record in list(zip(texts, expected, strict=True))[::40]:
        assert text.id == f"{record.text('doc_id')}/{record.text('system')}"
        main = text.references[:1]
        assert bleu(text.text, main) == pytest.approx(record.number("sacrebleu_sentence_bleu"), abs=1e-9)
        assert bleu(text.text, text.references) == pytest.approx(record.number("sacrebleu_bleu_multi"), abs=1e-9)
        assert chrf(text.text, main) == pytest.approx(record.number("sacrebleu_chrf"), abs=1e-9)
        for kind in ("rouge1", "rouge2", "rougeL"):
            assert rouge(text.text, main, kind) == pytest.approx(record.number(kind), abs=1e-9)


def test_a_sentence_shorter_than_four_words_can_be_right() -> None:
    assert bleu("the cat", ["the cat"]) == pytest.approx(100)


@pytest.mark.parametrize(
    ("module", "call"),
    [("sacrebleu.metrics.bleu", "bleu"), ("sacrebleu.metrics.chrf", "chrf"), ("rouge_score.rouge_scorer", "rouge1")],
)
def test_a_missing_package_is_one_line_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, module: str, call: str
) -> None:
    for cached in (lexical._bleu, lexical._chrf, lexical._rouge):
        cached.cache_clear()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'dikast\[evaluation\]'"):
        METRICS[call]("a", ["a"])
