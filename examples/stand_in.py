"""A function that stands in for a model, so that the worked examples of the docs give the same on any machine.

    dikast judge run --pairs pairs.csv --model scripted:stand_in:everyone -o runs/judge

It knows the few questions of these examples by heart and plays every role. What a run with it prints shows what a run
prints; its figures say nothing of any model.
"""

import json
import re

from dikast.agents.models.request import Request
from dikast.agents.models.scripted import scripted
from dikast.graphs.rewards import rewarding

RIGHT = ("seven", "four", "paris", "pigment", "16")
STEPS = ("A spider has 8 legs.", "2 * 8 = 16.", "#### 16")
PRIMES = ("Nine is a prime number.", "Eight is a prime number.", "Seven is one.", "2, perhaps.", "It is seven.")
PROGRAM = "```python\nanswer = df.loc[df['units'].idxmax(), 'region']\n```"
MARKED = re.compile(r"<([a-z_0-9]+)-[0-9a-f]+>\n(.*?)\n</", re.DOTALL)
"""How a prompt marks what is quoted: `<response_a-9b0214cd50f9>`."""
DOCUMENT = re.compile(r"^\[(\d+)\]\n<document-[0-9a-f]+>\n(.*?)\n</document", re.DOTALL | re.MULTILINE)
CODE = """```python
def read_note(folder: str, name: str) -> str | None:
    try:
        with open(f"{folder}/{name}") as note:
            return note.read()
    except OSError:
        return None
```"""


@scripted
def everyone(request: Request) -> str:
    said = "\n".join(str(message["content"]) for message in request.messages)
    quoted = dict(MARKED.findall(said))
    schema = request.structured.json_schema if request.structured else None
    fields: dict[str, dict[str, object]] = (schema or {}).get("properties", {})
    if fields:
        return json.dumps({name: field(name, kind, quoted) for name, kind in fields.items()})
    if "[[A]]" in said:
        first, second = points(quoted["response_a"]), points(quoted["response_b"])
        return f"One of them is right. [[{'A' if first >= second else 'B'}]]"
    if "The next step:" in said:
        return next(step for step in STEPS if step not in quoted["steps"])
    if "data frame" in said:
        return PROGRAM
    if "read_note" in said:
        return CODE
    if "bullet points" in said:
        return summary(said)
    return answer(said, request.sampling.seed or 0)


def answer(said: str, seed: int) -> str:
    """Right to some questions, wrong to others."""
    if "unsafe" in said:
        return "safe"
    if "prime" in said:
        return PRIMES[seed % len(PRIMES)]
    if "leaves" in said:
        return "It is the cold."
    if "####" in said:
        return "\n".join(STEPS)
    return "tyre, puncture, air"


def summary(said: str) -> str:
    """Sentences with a number in them, each with the document that it stands in."""
    found = [
        f"- {sentence.strip()}. [{number}]"
        for number, text in DOCUMENT.findall(said)
        for sentence in text.split(". ")
        if re.search(r"\d", sentence)
    ]
    return "\n".join(found[:3])


def field(name: str, kind: dict[str, object], quoted: dict[str, str]) -> object:
    """What a structured reply holds under a name."""
    if name == "verdict":
        return "safe"
    if kind.get("type") == "integer":
        return points(next(text for tag, text in quoted.items() if tag.startswith(name.partition("_score")[0])))
    if kind.get("type") == "number":
        return 0.9 if "16" in " ".join(quoted.values()) else 0.5
    return "This is why."


def points(text: str) -> int:
    """Of six."""
    return 6 if any(word in text.lower() for word in RIGHT) else 2


@rewarding
def shared(prompt: str, text: str, reference: str) -> float:
    """A reward: the share of the reference's words that the text has."""
    wanted = set(reference.lower().split())
    return len(wanted & set(text.lower().split())) / len(wanted)
