"""A method, a judge and a model of a package of their own, as plugins of dikast."""
