"""Search: collections, indexes, weighted-term queries, feedback, fusion, TREC files, measures."""
