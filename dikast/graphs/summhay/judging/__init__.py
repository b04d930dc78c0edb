"""Judging as a method of its own: summaries that are there, in the authors' files, and a judge of coverage."""
