"""What runs inside the box. It is loaded there by itself, so nothing here may import the rest of dikast.

`zygote` is the process that forks one child per program, `child` is what such a child does; `seccomp` and `landlock`
are what it gives up before it runs a line of foreign code.
"""
