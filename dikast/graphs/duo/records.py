"""That of the study over tiers."""
