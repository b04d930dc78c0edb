"""CWEval: code that works and is safe, measured by running it (Peng et al., arXiv 2501.08200)."""
