"""Safety tests, counted and told."""
