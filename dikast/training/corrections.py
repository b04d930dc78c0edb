"""RAC's rows as texts: a question, a wrong answer as the model's own turn, a cue; the reference is what is trained on.

    correction(prompt, "5", "4")
    # {"prompt": [user: 2 + 2?, assistant: 5, user: CUE], "completion": [assistant: 4]}

Rows of the kind `sft`: a trainer's loss is on the completion alone, so that the wrong answer is read and never said.
What knows right answers from wrong ones may make them: `dikast.graphs.method.training_exports(..., "rac")` turns each
pair of a method's `preference` rows into one, where the chosen answer is right by gold and the rejected one wrong.

Paper: Bridging the Training-Inference Gap in LLMs by Leveraging Self-Generated Tokens (arXiv 2410.14655), whose cue
could not be read: the wording is ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from dikast.jobs.card import About
from dikast.jobs.exports import LeftOut, Split
from dikast.training.rows import REST, TEXTS

CUE = (
    "Look at your answer again. If anything in it is wrong, give the corrected answer, whole and without comments;"
    " if nothing is, give it once more as it is."
)
"""What asks for a correction, in training and after it."""
PLAIN_PAIR = LeftOut("a pair of plain texts: a correction is a conversation")

Talk = Sequence[Mapping[str, str]]


def correction(prompt: Talk, answer: Talk, reference: Talk, cue: str = CUE) -> dict[str, Any]:
    """The `prompt` and `completion` of a correction.

    Args:
        prompt: The conversation up to the question.
        answer: What the model said.
        reference: What it should have said.
        cue: What asks for a correction.
    """
    return {"prompt": [*prompt, *answer, {"role": "user", "content": cue}], "completion": list(reference)}


def about(pairs: About) -> About:
    """What the card of corrections says that were made of a method's pairs.

    Args:
        pairs: What the card of the pairs says.
    """
    what = (
        "Made of the pairs described below (RAC, arXiv 2410.14655): the prompt ends with question, rejected answer and"
        " cue, the completion is the chosen answer. Trained on completions alone, no rejected answer is a target."
    )
    kept = {
        name: told for name, told in pairs.meanings.items() if name not in (*TEXTS["preference"], *REST["preference"])
    }
    own = {"prompt": "question, wrong answer, cue", "completion": "the right answer"}
    return About("Training rows: rac", (what, *pairs.text), {**own, **kept})


def corrections_of(pairs: Iterable[Split | LeftOut]) -> Iterator[Split | LeftOut]:
    """Preference rows as corrections: the rejected answer is corrected to the chosen one; provenance stays.

    Args:
        pairs: As a method's `rows("preference", ...)` gives them.
    """
    for one in pairs:
        if isinstance(one, LeftOut):
            yield one
            continue
        split, row = one
        texts = [row[name] for name in ("prompt", "rejected", "chosen")]
        if any(isinstance(text, str) for text in texts):
            yield PLAIN_PAIR
            continue
        kept = {name: value for name, value in row.items() if name not in ("prompt", "chosen", "rejected")}
        prompt, answer, reference = cast(list[Talk], texts)
        yield split, {**correction(prompt, answer, reference), **kept}
