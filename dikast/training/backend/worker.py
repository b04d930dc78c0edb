"""One of several processes of a training: `python -m dikast.training.backend.worker JOB`, started by accelerate."""

from __future__ import annotations

import sys
from pathlib import Path

from dikast.training.backend.launching import work

if __name__ == "__main__":
    sys.exit(work(Path(sys.argv[1])))
