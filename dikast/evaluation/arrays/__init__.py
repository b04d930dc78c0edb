"""How covering arrays are made: the space and its constraints, constructions, and making an array smaller."""
