from collections.abc import Sequence

from rouge_score.scoring import Score

class RougeScorer:
    def __init__(self, rouge_types: Sequence[str], use_stemmer: bool = ...) -> None: ...
    def score(self, target: str, prediction: str) -> dict[str, Score]: ...
