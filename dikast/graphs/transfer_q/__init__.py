"""Transfer Q*: values of beginnings by completions of a baseline; exact in a world of few texts."""
