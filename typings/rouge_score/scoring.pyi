from typing import NamedTuple

class Score(NamedTuple):
    precision: float
    recall: float
    fmeasure: float
