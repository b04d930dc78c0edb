"""What a run of judging amounts to: scores by system, and the topic files with this judge's labels in.

The journal is gone through once, a row at a time; of each verdict only grade and bullet are kept.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dikast.graphs.method import Report
from dikast.graphs.summhay.haystack import (
    FULL,
    NO,
    PARTIAL,
    SUMMARY_PREFIX,
    Coverage,
    Haystack,
    Label,
    Subtopic,
    read_haystack,
    write_haystack,
)
from dikast.graphs.summhay.judging.context import Context
from dikast.graphs.summhay.judging.options import HAYSTACKS
from dikast.graphs.summhay.judging.records import Judged
from dikast.graphs.summhay.meta import CHEAP
from dikast.graphs.summhay.scores import Covered, SummaryScore, bounds, pool, score_summary
from dikast.jobs.reading import Run
from dikast.pages import Cell, Page, Table, Text
from dikast.records import Outcome

NAMES: Mapping[float, Coverage] = {0.0: NO, 0.5: PARTIAL, 1.0: FULL}
NOTHING = "NA"
COLUMNS = ("system", "insights", "unparsed", "coverage", "citation", "joint", "joint, at least", "at most")
Labels = dict[str, Covered]
"""Insight id -> label, of one summary."""


@dataclass
class Found:
    """What the journal says.

    Args:
        labels: Topic id -> (subtopic id, system) -> labels; those of verdicts that failed are left out.
        by: How many verdicts were by whom.
        failed: Verdicts of calls that failed.
    """

    labels: dict[str, dict[tuple[str, str], Labels]] = field(
        default_factory=lambda: defaultdict[str, dict[tuple[str, str], Labels]](dict)
    )
    by: Counter[str] = field(default_factory=Counter[str])
    failed: int = 0

    @property
    def unparsed(self) -> int:
        """Verdicts that say nothing."""
        return sum(
            label.coverage is None
            for summaries in self.labels.values()
            for labels in summaries.values()
            for label in labels.values()
        )


def report(run: Run, context: Context) -> Report:
    """Score each system, and write each topic file into the run's `export` folder."""
    del context
    found = read_journal(run)
    asked = sum(found.by.values())
    share = sum(count for by, count in found.by.items() if by not in CHEAP) / asked if asked else None
    scores: dict[str, list[SummaryScore]] = defaultdict(list)
    files, missing = write_files(run, found, scores)
    systems = {name: describe(one) for name, one in sorted(scores.items())}
    scored = asked - found.failed
    told = f"{scored} verdicts of {asked}; {found.unparsed} unparsed"
    told += "" if share is None else f"; {share:.1%} by a language model or a record of one"
    table = Table(COLUMNS, tuple(line_of(name, one) for name, one in systems.items()), "scores")
    data = {
        "verdicts": asked,
        "scored": scored,
        "unparsed": found.unparsed,
        "by": dict(found.by),
        "llm_share": share,
        "systems": systems,
        "files": [str(path) for path in files],
    }
    return Report(Page("", (Text(told), table)), data, notes_of(found, files, missing))


def read_journal(run: Run) -> Found:
    """All verdicts of the run."""
    found = Found()
    for row in run.rows():
        given = row["input"]
        verdicts: list[Judged] = row["output"]["verdicts"] if row["output"] else []
        if not verdicts:
            # The row itself failed: its insights were asked for, and nobody has spoken.
            found.failed += len(given["insights"])
            found.by["nobody"] += len(given["insights"])
            continue
        kept = found.labels[given.get("topic_id", "")].setdefault(
            (given.get("subtopic_id", ""), given.get("system", "")), {}
        )
        for one in verdicts:
            found.by[one["by"]] += 1
            if Outcome(one["outcome"]).failed:
                found.failed += 1
            else:
                kept[one["insight_id"]] = Covered(one["coverage"], one["bullet"])
    return found


def write_files(run: Run, found: Found, scores: dict[str, list[SummaryScore]]) -> tuple[list[Path], list[str]]:
    """Write the topic files with labels in, one at a time, and add up their scores.

    Returns:
        What was written, and the files that are gone or are of other topics now.
    """
    written: list[Path] = []
    missing: list[str] = []
    for path in map(Path, run.manifest.settings.get(HAYSTACKS) or ()):
        haystack = read_haystack(path) if path.is_file() else None
        if haystack is None or haystack.topic_id not in found.labels:
            missing.append(str(path))
            continue
        summaries = found.labels[haystack.topic_id]
        for system, one in scores_of(haystack, summaries):
            scores[system].append(one)
        place = run.path / "export" / path.name
        place = place.with_name(f"{len(written) + 1}_{path.name}") if place in written else place
        place.parent.mkdir(exist_ok=True)
        write_haystack(place, filled_in(haystack, summaries))
        written.append(place)
    return written, missing


def scores_of(haystack: Haystack, summaries: Mapping[tuple[str, str], Labels]) -> Iterator[tuple[str, SummaryScore]]:
    """System and score of each judged summary, over the insights that have a verdict or an unparsed one."""
    for subtopic in haystack.subtopics:
        for key, lines in subtopic.summaries.items():
            system = key.removeprefix(SUMMARY_PREFIX)
            labels = summaries.get((subtopic.subtopic_id, system))
            if labels:
                asked = [one for one in subtopic.insights if one.insight_id in labels]
                gold = {one.insight_id: haystack.gold[one.insight_id] for one in asked}
                yield system, score_summary(lines, labels, gold, {one.insight_id: one.insight for one in asked})


def filled_in(haystack: Haystack, summaries: Mapping[tuple[str, str], Labels]) -> Haystack:
    """The haystack with this run's labels, and no others, in the authors' schema."""
    subtopics = tuple(
        one.model_copy(update={"eval_summaries": labels_of(one, summaries)}) for one in haystack.subtopics
    )
    return haystack.model_copy(update={"subtopics": subtopics})


def labels_of(subtopic: Subtopic, summaries: Mapping[tuple[str, str], Labels]) -> dict[str, list[Label]]:
    """Key of a summary -> its labels, in the order of the insights; those that are unparsed are left out."""
    found: dict[str, list[Label]] = {}
    for key in subtopic.summaries:
        labels = summaries.get((subtopic.subtopic_id, key.removeprefix(SUMMARY_PREFIX)))
        if labels is not None:
            given = [(one.insight_id, labels.get(one.insight_id)) for one in subtopic.insights]
            found[key] = [label_of(id_, one) for id_, one in given if one is not None and one.coverage is not None]
    return found


def label_of(insight_id: str, one: Covered) -> Label:
    """A label as the authors write it."""
    bullet = NOTHING if one.bullet is None else one.bullet
    return Label(insight_id=insight_id, coverage=NAMES[one.coverage or 0.0], bullet_id=bullet)


def describe(scores: Sequence[SummaryScore]) -> dict[str, Any]:
    """A system's pooled scores, and between what they would lie, had all unparsed verdicts been read."""
    between = {name: list(one) for name, one in bounds(scores).items()}
    return {**pool(scores).as_dict(), "bounds": between}


def line_of(name: str, scores: Mapping[str, Any]) -> tuple[Cell, ...]:
    """A system's line of the table."""
    low, high = scores["bounds"].get("joint", (None, None))
    shown = [scores["coverage"], scores["citation"], scores["joint"], low, high]
    return (
        name,
        scores["insights"],
        scores["unlabelled"],
        *(None if one is None else f"{one:.3f}" for one in shown),
    )


def notes_of(found: Found, files: Sequence[Path], missing: Sequence[str]) -> tuple[str, ...]:
    """What a person should know beside the page."""
    notes: list[str] = []
    if found.unparsed:
        notes.append(f"{found.unparsed} unparsed verdicts count as not covered, and are left out of the files")
    if found.failed:
        notes.append(f"{found.failed} verdicts failed: they have no score, and are left out of the files")
    notes += [f"no scores of {path}: it is gone, or is of another topic" for path in missing]
    if files:
        notes.append(f"with labels: {', '.join(map(str, files))}")
    elif not missing:
        notes.append("no scores: the run does not say which topic files it is of")
    return tuple(notes)
