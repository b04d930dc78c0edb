"""From a run's rows to a trained model: the rows, their splits, and the arithmetic of methods that train.

    from dikast.training.rows import problem_of, read
    from dikast.training.exports import Candidate, sift

What is here needs numpy at most; nothing is loaded by importing the package.
"""
