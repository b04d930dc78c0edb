"""Tags in text that may hold other angle brackets: `p < 0.05 and cold > 3` has none, `<b>bold</b>` has two.

    text, tags = without_tags("p < 0.05 in <b>winter</b>")        # "p < 0.05 in  winter ", 2

The rule: a tag is `<`, or `</`, and at once a name, which begins with a letter; attributes, each `name=value`; `>`. A
comment runs from `<!--` to `-->`; `<!NAME ...>` and `<?NAME ...>` hold no further angle bracket. Every other `<` or `>`
is text, as it stands. What a tag may hold is bounded, so that time is linear in the text.

Not done: HTML's attributes without a value, CDATA, entities.
"""

from __future__ import annotations

import re

VALUE = r"""(?:"[^"]{0,999}+"|'[^']{0,999}+'|[^\s"'<>]{1,999}+)"""
ATTRIBUTE = rf"\s{{1,99}}+[A-Za-z_:][\w:.-]{{0,99}}+\s{{0,9}}+=\s{{0,9}}+{VALUE}"
END = rf"(?:{ATTRIBUTE}){{0,50}}+\s{{0,99}}+/?>"
"""The rest of a tag after its name. Possessive: what was read is not read again in another way."""
COMMENT = r"<!--[^<-]*+(?:(?!-->|<!--)[<-][^<-]*+)*+-->"
"""A comment holds no second `<!--`: one that is never closed costs its own length and not the text's."""
TAG = re.compile(rf"</?[A-Za-z][\w:.-]{{0,99}}+{END}|{COMMENT}|<[!?][A-Za-z][^<>]{{0,999}}+>")


def without_tags(text: str) -> tuple[str, int]:
    """The text with a space in place of each tag and comment, and how many there were."""
    return TAG.subn(" ", text)


def tag_named(*names: str) -> re.Pattern[str]:
    """A pattern of the opening and closing tags of these names, in either case; groups: `/` or nothing, the name."""
    return re.compile(rf"<(/?)({'|'.join(names)})(?![\w:.-]){END}", re.IGNORECASE)
