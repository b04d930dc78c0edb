"""Verdicts that were given before, as a judge: a job can be proved, or scored again, without any model.

    judge = load_coverage_judge("recorded:topic.json")                          # all systems' labels in a topic file
    judge = load_coverage_judge("recorded:labels.jsonl?column=predictions_prompted_gpt-4o")

A label is found by the insight's id and the summary's lines. What was not recorded is `unparsed`. Two systems that
wrote the same lines and were labelled differently cannot be told apart: refused where the file is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dikast.agents.models.request import Sampling
from dikast.errors import DataError
from dikast.graphs.summhay.coverage.roles import Verdict, no_verdict, nobodys
from dikast.graphs.summhay.haystack import Insight, read_haystack
from dikast.graphs.summhay.meta import read_annotations
from dikast.graphs.summhay.scores import Covered, covered_by
from dikast.records import Outcome, Usage

RECORDED = "recorded"
DIGEST_BYTES = 16
Key = tuple[bytes, str]
"""Hash of a summary's lines, and an insight's id."""


@dataclass(frozen=True)
class RecordedJudge:
    """A `CoverageJudge` over labels in a file, which is read at first use.

    Args:
        paths: Topic files, or annotated files (JSON lines).
        column: Of annotated files: whose predictions.
    """

    paths: tuple[Path, ...]
    column: str = ""

    asks = False
    batched = False

    @property
    def spec(self) -> str:
        """`recorded:` and the files."""
        return f"recorded:{','.join(map(str, self.paths))}" + (f"?column={self.column}" if self.column else "")

    def fingerprint(self) -> Mapping[str, object]:
        """The labels, by their hash."""
        told = sorted((key[0].hex(), key[1], label.coverage, label.bullet) for key, label in self.labels.items())
        return {"judge": RECORDED, "labels": hashlib.sha256(json.dumps(told).encode()).hexdigest()[:DIGEST_BYTES]}

    @cached_property
    def labels(self) -> Mapping[Key, Covered]:
        """All labels of the files.

        Raises:
            DataError: One is no such file, or one summary has two labels of an insight.
        """
        found: dict[Key, Covered] = {}
        for path in self.paths:
            for key, label in self._read_annotated(path) if self.column else self._read_topic(path):
                if found.setdefault(key, label) != label:
                    told = f"insight {key[1]!r} has two labels for summaries of the same lines"
                    raise DataError(told, path=path, hint="leave one of the systems out of the file")
        return found

    def _read_topic(self, path: Path) -> Iterable[tuple[Key, Covered]]:
        for subtopic in read_haystack(path).subtopics:
            for key, labels in subtopic.eval_summaries.items():
                lines = digest_of(subtopic.summaries[key])
                for label in labels:
                    yield (lines, label.insight_id), covered_by(label)

    def _read_annotated(self, path: Path) -> Iterable[tuple[Key, Covered]]:
        for one in read_annotations(path):
            lines = digest_of(one.summary)
            for insight, label in one.predicted(self.column, path).items():
                yield (lines, insight), label

    async def cover(self, bullets: Sequence[str], insights: Sequence[Insight], *, sampling: Sampling) -> list[Verdict]:
        """Look up; see `CoverageJudge.cover`."""
        del sampling
        lines = digest_of(bullets)
        return [self._verdict(insight, self.labels.get((lines, insight.insight_id))) for insight in insights]

    def _verdict(self, insight: Insight, label: Covered | None) -> Verdict:
        if label is None:
            return no_verdict(
                insight, RECORDED, Outcome.UNPARSED, f"no label of it in {', '.join(path.name for path in self.paths)}"
            )
        return Verdict(
            insight.insight_id,
            label.coverage,
            label.bullet if label.coverage else None,
            RECORDED,
            None,
            Outcome.OK,
            "",
            Usage(),
            nobodys(RECORDED),
        )


def digest_of(lines: Sequence[str]) -> bytes:
    """Which summary it is, by its lines."""
    return hashlib.blake2b(json.dumps(list(lines)).encode(), digest_size=DIGEST_BYTES).digest()
