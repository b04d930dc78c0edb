"""Ask a RAG system about a haystack, and write its answers into the file, for `dikast summhay judge`.

    python ask_my_rag.py haystack/export/topic_1.json answered.json

`my_rag` stands for yours: here, the sentences that share most words with the question and hold a number.
"""

import json
import re
import sys
from pathlib import Path

BULLETS = 3


def my_rag(question: str, documents: dict[int, str]) -> list[str]:
    """Bullets, each with the numbers of the documents that it cites."""
    asked = set(re.findall(r"\w{4,}", question.lower()))
    found = [
        (len(asked & set(re.findall(r"\w{4,}", sentence.lower()))), f"- {sentence.strip()} [{number}]")
        for number, text in documents.items()
        for sentence in re.split(r"(?<=\.)\s", text)
        if re.search(r"\d", sentence)
    ]
    return [bullet for _, bullet in sorted(found, reverse=True)[:BULLETS]]


def main() -> None:
    source, target = sys.argv[1:] or ["", ""]
    if not source:
        print(__doc__)
        return
    haystack = json.loads(Path(source).read_text(encoding="utf-8"))
    documents = {document["idx"]: document["document_text"] for document in haystack["documents"]}
    for subtopic in haystack["subtopics"]:
        subtopic["summaries"]["summary_subtopic_mine"] = my_rag(subtopic["query"], documents)
    Path(target).write_text(json.dumps(haystack), encoding="utf-8")
    print(f"{len(haystack['subtopics'])} answers: {target}")


if __name__ == "__main__":
    main()
