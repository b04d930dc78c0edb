"""What a model, a table, a document or a file's name may hold to attack who looks; each calls `canary` if it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dikast.jobs.manifest import Attempt
from tests.viewer.runs import call, row, write

ATTACKS = (
    "<script>canary(1)</script>",
    '"><img src=x onerror="canary(2)">',
    "'><svg onload=canary(3)><script>canary(4)</script></svg>",
    "</title></style></textarea></pre></script><script>canary(5)</script>",
    "<a href='javascript:canary(6)'>click</a>",
    "javascript:canary(7)",
    "{{ canary(8) }} {% import os %} ${canary(9)} <%= canary(10) %>",
    "<style>*{background:url(http://127.0.0.1:9/css)}</style><link rel=stylesheet href=http://127.0.0.1:9/x.css>",
    "<iframe srcdoc='<script>parent.canary(11)</script>'></iframe><base href=http://127.0.0.1:9/>",
    "<meta http-equiv=refresh content='0;url=http://127.0.0.1:9/'>",
    "<form action=http://127.0.0.1:9/><input autofocus onfocus=canary(12)>",
    "\x1b]8;;http://127.0.0.1:9/\x07link\x1b]8;;\x07\x1b[2J",
    "user\u202egnp.exe\u2066\u2069\u200b\ufeff\u2028x",
    "&lt;script&gt;canary(13)&lt;/script&gt; &#60;img src=x onerror=canary(14)&#62;",
    "\ud800 half a pair \udfff",
    "--><!--<script>canary(15)</script>-->]]>",
    "\x00\x01nul`${canary(16)}`\\u003cscript\\u003e",
)
BIG = "A <b>big</b> cell. " * 550_000
"""Ten megabytes."""
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" onload="canary(17)"><script>canary(18)</script>'
    '<image href="http://127.0.0.1:9/x.png"/><foreignObject>'
    '<body xmlns="http://www.w3.org/1999/xhtml" onload="canary(19)"/></foreignObject></svg>'
)


def attack_run(folder: Path, *, big: bool = False) -> Path:
    """A run in whose every field somebody attacks; its folder's name does, too."""
    everything = " ".join(ATTACKS).encode(errors="replace").decode()  # a manifest has no half pairs
    rows = [
        row(
            number,
            "error" if number % 3 == 0 else "ok",
            reason=attack,
            input={"id": attack, attack[:60]: attack, "nested": {attack[:40]: 1.5}},
            output={attack[:50]: attack, "list": [attack], "said": attack, "html": SVG},
            usage={attack[:30]: {"calls": 1}},
            calls=[{**call(attack, attack), "role": attack, "reasoning": attack}],
        )
        for number, attack in enumerate(ATTACKS, start=1)
    ]
    if big:
        rows.append(row(len(rows) + 1, output={"said": BIG}, calls=[call(BIG)]))
    attempt = Attempt(
        started=everything[:300], asked=len(rows), stopped=everything, versions={everything[:40]: everything}
    )
    context: dict[str, Any] = {"solver": f"server:http://127.0.0.1:9/v1#{ATTACKS[0]}", everything[:80]: everything}
    settings = {"collection": ATTACKS[1], "list": everything.split(" ")}
    write(folder, rows, graph=everything[:200], attempts=[attempt], context=context, settings=settings)
    with (folder / "rows.jsonl").open("ab") as journal:
        journal.write(b'{"key":"\xff\xfe<script>canary(20)</script>"}\n')
    export = folder / "export"
    export.mkdir()
    (export / "<img src=x onerror=canary(21)>.html").write_text("<script>canary(22)</script>")
    return folder


FOLDER = "<img src=x onerror=canary(23)>\u202e'\"&"
