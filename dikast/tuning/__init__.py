"""Knobs set by rankings: ZO-RankSGD and its rivals, all of which ask for points to be ranked and are told the order.

    from dikast.tuning.zo import ZoRankSGD, ZoSettings

    algorithm = ZoRankSGD(start, ZoSettings(candidates=15), seed=0)
    while (question := algorithm.ask()) is not None:
        algorithm.tell(rank(question.points))        # groups of indices, the best first
    algorithm.best

Nobody is asked for a number: a function, a judge or a person says which points are better. An algorithm is made of its
settings, its seed and what it was told, so that telling it the same again brings it to where it stood: that is how a
tuning resumes (`dikast.tuning.replaying`).

What is here needs numpy; nothing is loaded by importing the package. What tunes a method's knobs is
`dikast.graphs.zo_ranksgd`.
"""
