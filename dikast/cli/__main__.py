"""`python -m dikast.cli`."""

from dikast.cli import main

main()
