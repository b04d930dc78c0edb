"""Who says how far a summary covers an insight, and in which bullet: see `dikast.graphs.summhay.coverage.load`."""
