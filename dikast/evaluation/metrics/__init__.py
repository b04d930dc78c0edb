"""Metrics of a text against a reference: one module a family, `vote` to let them judge a pair together."""
