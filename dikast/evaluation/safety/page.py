"""The parts of the page that `dikast.evaluation.safety.report` makes: tables, intervals, heat maps, samples.

Every figure also stands in `data-` attributes, so that a program can read the page back. Whatever text comes from
outside (names, cells, replies) goes through `safe`; there is no script, and no resource is loaded.

Not covered: what the page says in words; that is `dikast.evaluation.safety.report`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from html import escape
from itertools import groupby

from dikast.evaluation.axes import Cell
from dikast.evaluation.prevalence import Prevalence
from dikast.evaluation.safety.summary import Rate, SafetyCase, Summary, Tally
from dikast.pages import visible
from dikast.records import Outcome

HOT = 0.75
"""From this share of the darkest color on, text on it is white."""

STEPS = (0.01, 0.02, 0.04, 0.06, 0.1, 0.16, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)
"""Where the axis of rates may end."""

_LEFT = ' class="text"'
SHOWN = (Outcome.OK, Outcome.REFUSED, Outcome.FILTERED, Outcome.EMPTY, Outcome.TIMEOUT, Outcome.LIMIT, Outcome.ERROR)
MISSING_SHOWN = 30
UNSAFE_SHOWN = 60
SAMPLES_SHOWN = 12
SAMPLE_CHARACTERS = 280
HASH_CHARACTERS = 16
PIECES = re.compile(r".+?(?:://|[/#@?=]|:(?!//)|$)", re.DOTALL)
"""Of an address: what is not broken, with the sign behind which it may be."""


def safe(text: str) -> str:
    """Text for HTML, in an attribute too: escaped, control and direction characters shown by their number."""
    return escape(visible(text))


def label(value: str) -> str:
    """An axis value as people read it."""
    return safe(value.replace("_", " ").replace(",", ", "))


def address(text: str) -> str:
    """A target's name or address, which may break after a sign and not within a word."""
    return "<wbr>".join(map(safe, PIECES.findall(text)))


def percent(share: float) -> str:
    """`4.8 %`; a dash where it is not defined."""
    return "–" if math.isnan(share) else f"{100 * share:.1f} %"


def span(low: float, high: float) -> str:
    """`[3.7, 6.1]`, in percent."""
    return f"[{100 * low:.1f}, {100 * high:.1f}]"


def axis_end(rates: Iterable[Rate]) -> float:
    """The first step that no interval exceeds."""
    highest = max((rate.high for rate in rates if rate.of), default=1.0)
    return next(step for step in STEPS if step >= min(highest, 1.0))


def data(kind: str, tally: Tally) -> str:
    """A tally's numbers as attributes."""
    numbers = {
        "kind": kind,
        "target": tally.target,
        "cell": json.dumps(dict(tally.cell), ensure_ascii=False),
        "asked": tally.asked,
        "executed": tally.executed,
        "unsafe": tally.unsafe.count,
        "undecided": tally.undecided,
        "declined": tally.refusal.count,
        "low": f"{tally.unsafe.low:.6f}",
        "high": f"{tally.unsafe.high:.6f}",
    }
    return " ".join(f'data-{name}="{safe(str(value))}"' for name, value in numbers.items())


def comparison(summary: Summary, corrected: Mapping[str, Prevalence]) -> str:
    """Every target, its unsafe rate on one axis; what is undecided beside it."""
    end = axis_end([t.unsafe for t in summary.targets] + [t.unsafe_if_undecided for t in summary.targets])
    over = {tally.target: tally for tally in summary.benign}
    ticks = "".join(f"<span>{percent(end * i / 2)}</span>" for i in range(3))
    head = [
        "target",
        f'<span class="scale">{ticks}</span>',
        "unsafe",
        "if undecided<br>were unsafe",
        "refused or<br>filtered",
    ]
    head += ["over-refusal"] * bool(over) + ["corrected for<br>the judge"] * bool(corrected) + ["judges agree<br>(α)"]
    rows = [
        f'<tr {data("target", tally)}><th scope="row">{address(tally.target)}</th>'
        f'<td class="plot">{_track(tally, end)}</td>'
        f"{_rate(tally.unsafe)}{_rate(tally.unsafe_if_undecided)}{_rate(tally.refusal)}"
        + (_over(over.get(tally.target)) if over else "")
        + (_corrected(corrected.get(tally.target)) if corrected else "")
        + f"<td>{_number(summary.alpha.get(tally.target, math.nan))}</td></tr>"
        for tally in summary.targets
    ]
    return table(head, rows)


def outcomes(summary: Summary) -> str:
    """How every target's cases ended, as one bar each."""
    kinds = ("safe", "declined", "unsafe", "undecided", "failed")
    legend = {"safe": "answered, safe", "declined": "refused or filtered", "unsafe": "unsafe",
              "undecided": "unknown or unparsed", "failed": "timeout, limit, error"}  # fmt: skip
    keys = "".join(f'<span><i class="k-{kind}"></i>{legend[kind]}</span>' for kind in kinds)
    head = ["target", "", "asked", "answered", *SHOWN]
    rows = [
        f'<tr><th scope="row">{address(tally.target)}</th><td class="plot">{_stack(tally, kinds)}</td>'
        f"<td>{tally.asked}</td><td>{tally.executed}</td>"
        + "".join(f"<td>{tally.outcomes.get(outcome, 0) or '·'}</td>" for outcome in SHOWN)
        + "</tr>"
        for tally in summary.targets
    ]
    return f'<div class="legend">{keys}</div>' + table(head, rows)


def by_target(summary: Summary, axis: str, values: Sequence[str], end: float) -> str:
    """One axis: a row a value, a column a target."""
    found = {(tally.target, tally.cell[axis]): tally for tally in summary.values if axis in tally.cell}
    targets = [tally.target for tally in summary.targets]
    rows = [_heat_row(label(v), [found.get((target, v)) for target in targets], "value", end) for v in values]
    return table([safe(axis), *map(safe, targets)], rows, "heat")


def by_pair(tallies: Sequence[Tally], down: str, across: str, values: Mapping[str, Sequence[str]], end: float) -> str:
    """Two axes of one target."""
    found = {(t.cell[down], t.cell[across]): t for t in tallies if down in t.cell and across in t.cell}
    rows = [_heat_row(label(v), [found.get((v, w)) for w in values[across]], "pair", end) for v in values[down]]
    return table([f"{safe(down)} × {safe(across)}", *map(label, values[across])], rows, "heat")


def ramp(end: float) -> str:
    """What the colors mean."""
    return (
        f'<div class="legend"><span>0</span><i class="ramp"></i><span>{percent(end)} unsafe, or more</span>'
        "<span>below the rate: unsafe of asked</span><span>hatched: never asked</span></div>"
    )


def coverage(summary: Summary) -> str:
    """What of the criterion each target's executed cells reach, and what is missing."""
    rows = [
        f'<tr data-kind="coverage" data-target="{safe(target)}" data-covered="{found.covered}" '
        f'data-total="{found.total}">'
        f'<th scope="row">{address(target)}</th><td>{found.strength}</td><td>{found.covered} of {found.total}</td>'
        f"<td>{percent(found.share)}</td><td>{len(found.impossible)}</td>"
        f'<td class="text">{_missing(found.missing)}</td></tr>'
        for target, found in summary.coverage.items()
    ]
    return table(["target", "strength", "tuples covered", "", "impossible", "missing"], rows, text=(0, 5))


def unsafe_cases(cases: Sequence[SafetyCase]) -> str:
    """Where unsafe replies were found: by hash, never by text."""
    found = [case for case in cases if case.reading == "unsafe"]
    shown = _some_of_each(found, UNSAFE_SHOWN)
    rows = [
        f'<tr>{target}<td class="text"><code>{safe(case.case_id)}</code></td>'
        f'<td class="text">{cell_text(case.cell)}</td><td>{percent(case.agreement)}</td>'
        f"<td>{'–' if case.severity is None else f'{case.severity:.0f}'}</td>"
        f'<td class="text"><code>{safe(case.output_hash[:HASH_CHARACTERS])}</code></td></tr>'
        for target, case in _under_their_targets(shown)
    ]
    more = f'<p class="note">and {len(found) - len(shown)} more.</p>' if len(found) > len(shown) else ""
    head = ["target", "case", "cell", "judges agree", "severity", "SHA-256 of the reply"]
    return table(head, rows, text=(0, 1, 2, 5)) + more if rows else "<p>None.</p>"


def samples(cases: Sequence[SafetyCase]) -> str:
    """The beginnings of replies judged safe, some of every target, and why a judge called them so."""
    shown = _some_of_each([case for case in cases if case.sample], SAMPLES_SHOWN)
    rows = [
        f'<tr>{target}<td class="text">{cell_text(case.cell)}</td>'
        f'<td class="text"><pre class="sample">{safe(shortened(case.sample))}</pre></td>'
        f'<td class="text">{safe(shortened(case.reason)) or "–"}</td></tr>'
        for target, case in _under_their_targets(shown)
    ]
    return table(["target", "cell", "reply, judged safe", "a judge's reason"], rows, text=(0, 1, 2, 3))


def _under_their_targets(cases: Sequence[SafetyCase]) -> Iterator[tuple[str, SafetyCase]]:
    """Each case with the cell of its target, which the first of a target's cases has for all of them."""
    for target, group in groupby(cases, key=lambda case: case.target):
        own = list(group)
        head = f'<th scope="rowgroup" class="text" rowspan="{len(own)}">{address(target)}</th>'
        yield from zip([head, *[""] * (len(own) - 1)], own, strict=True)


def _some_of_each(cases: Sequence[SafetyCase], most: int) -> list[SafetyCase]:
    """The most severe of each target, the same number of each, targets in their order."""
    by_target: dict[str, list[SafetyCase]] = {}
    for case in sorted(cases, key=lambda case: -(case.severity or 0.0)):
        by_target.setdefault(case.target, []).append(case)
    each = max(1, most // max(1, len(by_target)))
    return [case for target in dict.fromkeys(case.target for case in cases) for case in by_target[target][:each]]


def shortened(text: str) -> str:
    """The beginning, and a sign that there is more."""
    return text if len(text) <= SAMPLE_CHARACTERS else text[: SAMPLE_CHARACTERS - 1] + "…"


def cell_text(cell: Cell) -> str:
    """The values of a cell."""
    return " · ".join(label(value) for value in cell.values())


def table(head: Sequence[str], rows: Sequence[str], kind: str = "figures", text: Collection[int] = (0,)) -> str:
    """A table in a frame that scrolls; `head` and `rows` are HTML already, the columns of `text` stand to the left."""
    names = "".join(f'<th scope="col"{_LEFT if i in text else ""}>{name}</th>' for i, name in enumerate(head))
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{names}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _heat_row(name: str, tallies: Sequence[Tally | None], kind: str, end: float) -> str:
    return f'<tr><th scope="row">{name}</th>{"".join(_heat(tally, kind, end) for tally in tallies)}</tr>'


def _heat(tally: Tally | None, kind: str, end: float) -> str:
    if tally is None:
        return '<td class="blank">–</td>'
    rate = tally.unsafe
    heat = min(rate.value / end, 1.0)
    hot = ' class="hot"' if heat > HOT else ""
    title = f"{percent(rate.value)} {span(rate.low, rate.high)}, {tally.undecided} undecided"
    return (
        f'<td{hot} style="--heat:{heat:.3f}" title="{title}" {data(kind, tally)}>'
        f"{percent(rate.value)}<small>{rate.count}/{rate.of}</small></td>"
    )


def _track(tally: Tally, end: float) -> str:
    def at(share: float) -> str:
        return f"{100 * min(share / end, 1):.2f}%"

    rate, worst = tally.unsafe, tally.unsafe_if_undecided.value
    return (
        f'<span class="track"><u style="left:{at(rate.value)};width:{at(worst - rate.value)}"></u>'
        f'<i style="left:{at(rate.low)};width:{at(rate.high - rate.low)}"></i>'
        f'<b style="left:{at(rate.value)}"></b></span>'
    )


def _stack(tally: Tally, kinds: Sequence[str]) -> str:
    declined = min(tally.refusal.count, tally.readings.get("safe", 0))
    counts = {
        "safe": tally.readings.get("safe", 0) - declined,
        "declined": declined,
        "unsafe": tally.readings.get("unsafe", 0),
        "undecided": tally.readings.get("unknown", 0) + tally.readings.get("unparsed", 0),
        "failed": tally.readings.get("failed", 0),
    }
    parts = (f'<i class="k-{kind}" style="width:{100 * counts[kind] / tally.asked:.3f}%"></i>' for kind in kinds)
    return f'<span class="stack">{"".join(parts)}</span>'


def _rate(rate: Rate) -> str:
    return f"<td>{percent(rate.value)} <small>{span(rate.low, rate.high)}</small></td>"


def _over(tally: Tally | None) -> str:
    return "<td>–</td>" if tally is None else _rate(tally.refusal).replace("<td>", f"<td {data('benign', tally)}>", 1)


def _corrected(found: Prevalence | None) -> str:
    if found is None:
        return "<td>–</td>"
    return f"<td>{percent(found.value)} <small>{span(found.low, found.high)}</small></td>"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def _missing(missing: Sequence[Cell]) -> str:
    if not missing:
        return "none"
    shown = "<br>".join(cell_text(cell) for cell in missing[:MISSING_SHOWN])
    more = f"<br>and {len(missing) - MISSING_SHOWN} more" if len(missing) > MISSING_SHOWN else ""
    return f"<details><summary>{len(missing)} tuple{'s' * (len(missing) > 1)}</summary>{shown}{more}</details>"
